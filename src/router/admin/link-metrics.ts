/**
 * Prometheus metrics of the links between processes, read from the transport when scraped.
 *
 * A dropped message is not an error by itself, since it is sent again; one that is dropped every time shows here.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import { ROUTER_PEERS, type PeerId, type TransportStats } from '../../shard/index.js';

const DROPPED: readonly (readonly [reason: string, value: (stats: TransportStats) => number])[] = [
  ['full', (stats) => stats.droppedFull],
  ['no-link', (stats) => stats.droppedNoLink],
  ['invalid', (stats) => stats.droppedEncodeError],
  ['link-lost', (stats) => stats.droppedQueued],
];

const TOTALS: readonly (readonly [name: string, help: string, value: (stats: TransportStats) => number])[] = [
  ['failed_dials', 'Outgoing connections that failed or were refused by the peer.', (stats) => stats.failedDials],
  ['frames_received', 'Frames received.', (stats) => stats.framesIn],
  ['frames_sent', 'Frames sent.', (stats) => stats.framesOut],
  ['messages_received', 'Messages received.', (stats) => stats.messagesIn],
  ['messages_sent', 'Messages sent.', (stats) => stats.messagesOut],
  ['received_bytes', 'Bytes of frames received.', (stats) => stats.bytesIn],
  ['sent_bytes', 'Bytes of frames sent.', (stats) => stats.bytesOut],
];

export function addLinkMetrics(registers: Registry[], current: () => TransportStats): void {
  for (const [name, help, value] of TOTALS) {
    new Counter({
      name: `kvorum_link_${name}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value(current()));
      },
    });
  }
  new Counter({
    name: 'kvorum_link_dropped_messages_total',
    help: 'Messages dropped before they were sent, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      const stats = current();
      for (const [reason, value] of DROPPED) this.inc({ reason }, value(stats));
    },
  });
  new Counter({
    name: 'kvorum_link_refused_total',
    help: 'Connections refused or closed by this process, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(current().refused)) this.inc({ reason }, count);
    },
  });
  addQueueGauges(registers, current);
}

/** Routers come and go, and share one label. */
const labelOf = (peer: PeerId): string => (peer >= ROUTER_PEERS ? 'routers' : String(peer));

function addQueueGauges(registers: Registry[], current: () => TransportStats): void {
  new Gauge({
    name: 'kvorum_link_up',
    help: 'Established links.',
    registers,
    collect() {
      this.set(current().links);
    },
  });
  new Gauge({
    name: 'kvorum_link_protocol_version',
    help: 'Protocol version of the link to a peer; for routers the lowest of all.',
    labelNames: ['peer'],
    registers,
    collect() {
      this.reset();
      const lowest = new Map<string, number>();
      for (const [peer, version] of current().versions) {
        const label = labelOf(peer);
        lowest.set(label, Math.min(version, lowest.get(label) ?? version));
      }
      for (const [peer, version] of lowest) this.set({ peer }, version);
    },
  });
  new Gauge({
    name: 'kvorum_link_queued_bytes',
    help: 'Bytes queued for a peer; those for all routers are summed.',
    labelNames: ['peer'],
    registers,
    collect() {
      this.reset();
      for (const [peer, bytes] of current().queuedBytes) {
        this.inc({ peer: labelOf(peer) }, bytes);
      }
    },
  });
}
