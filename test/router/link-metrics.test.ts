import { describe, expect, it } from 'vitest';
import { Dispatcher, Metrics } from '../../src/router/index.js';
import { ROUTER_PEERS } from '../../src/shard/index.js';
import { statsOf, zeroCounters } from '../../src/shard/transport/stats.js';
import { FakeCluster, topologyOf } from '../support/fake-cluster.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

describe('metrics of the links', () => {
  it('count dropped and refused messages by reason, and queued bytes', async () => {
    const counters = zeroCounters();
    const links = [
      { peer: 2, version: 2, queuedBytes: 30 },
      { peer: ROUTER_PEERS, version: 2, queuedBytes: 4 },
      { peer: ROUTER_PEERS + 1, version: 1, queuedBytes: 5 },
    ];
    const backend = new FakeCluster(topologyOf(3, [[1, 2, 3]]));
    const dispatcher = new Dispatcher({ backend, runtime: new VirtualRuntime(), shardOfKey: () => 0 });
    const linkStats = () => statsOf(counters, links);
    const metrics = new Metrics({ backend, dispatcher, processMetrics: false, linkStats });
    counters.droppedFull = 1;
    counters.droppedNoLink = 2;
    counters.droppedEncodeError = 3;
    counters.droppedQueued = 4;
    counters.refused['wrong-cluster'] = 5;
    counters.failedDials = 6;
    // A scrape counts nothing twice.
    await metrics.render();
    const lines = (await metrics.render()).split('\n');
    for (const line of [
      'kvorum_link_dropped_messages_total{reason="full"} 1',
      'kvorum_link_dropped_messages_total{reason="no-link"} 2',
      'kvorum_link_dropped_messages_total{reason="invalid"} 3',
      'kvorum_link_dropped_messages_total{reason="link-lost"} 4',
      'kvorum_link_refused_total{reason="wrong-cluster"} 5',
      'kvorum_link_refused_total{reason="silent"} 0',
      'kvorum_link_failed_dials_total 6',
      'kvorum_link_queued_bytes{peer="2"} 30',
      'kvorum_link_queued_bytes{peer="routers"} 9',
      'kvorum_link_up 3',
      'kvorum_link_protocol_version{peer="2"} 2',
      'kvorum_link_protocol_version{peer="routers"} 1',
    ]) {
      expect(lines).toContain(line);
    }
  });
});
