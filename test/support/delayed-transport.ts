/** A transport in virtual time whose messages leave late. */
import type { PeerMessage, Transport } from '../../src/shard/index.js';
import type { VirtualRuntime } from './virtual-runtime.js';

/** @param delayMs called for each message; 0: it leaves at once */
export function delayedTransport(
  inner: Transport,
  runtime: VirtualRuntime,
  delayMs: (to: number, message: PeerMessage) => number,
): Transport {
  return {
    start: (events) => inner.start(events),
    link: (peer) => inner.link(peer),
    probe: (peer, report) => {
      inner.probe(peer, report);
    },
    refuse: (peer, refused) => {
      inner.refuse(peer, refused);
    },
    flush: () => {
      inner.flush();
    },
    close: () => inner.close(),
    send: (to, message) => {
      const ms = delayMs(to, message);
      if (ms === 0) return inner.send(to, message);
      runtime.after(ms, () => {
        inner.send(to, message);
        inner.flush();
      });
      return true;
    },
  };
}
