import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/router/index.js';
import { keyHash, shardOfKey, stringKey } from '../../src/shard/index.js';
import type { NodeHealth, NodeStatus, RaftStatus } from '../../src/shard/index.js';
import { topologyOf } from '../support/fake-cluster.js';
import { HttpHarness } from '../support/http-harness.js';

let http: HttpHarness;
beforeEach(async () => {
  http = await HttpHarness.start({ build: { version: '1.2.3', commit: 'abc' } });
});
afterEach(() => http.close());

const raft = (more: Partial<RaftStatus>): RaftStatus => ({
  id: 1,
  role: 'leader',
  term: 7,
  vote: 1,
  leader: 1,
  commit: 20,
  applied: 18,
  firstIndex: 1,
  lastIndex: 21,
  stableIndex: 21,
  quiesced: false,
  configuration: { voters: [1, 2, 3], votersOutgoing: [], learners: [] },
  peers: [],
  ...more,
});

const noTrouble = { diskPendingMs: 0, stalled: [] };
const healthy: NodeHealth = { state: 'serving', electionTimeoutMs: 500, linked: [1, 2, 3], ...noTrouble };

const status: NodeStatus = {
  id: 1,
  name: 'n1',
  state: 'serving',
  failure: undefined,
  topologyEpoch: 1,
  uptimeMs: 12.4,
  alive: [2, 3],
  groups: [0, 1, 2, 3, 4].map((group) => ({
    group,
    raft: raft(group === 0 ? { role: 'follower', leader: 2 } : {}),
    stateHash: '0123456789abcdef',
    keys: group,
    leaderChanges: 2,
    pendingWrites: 0,
    pendingReads: 0,
  })),
  storage: { journalBytes: 10, journalRows: 2, stateBytes: 30, commits: 4, commitMs: [1, 2, 3, 100] },
  inboxLength: 5,
  featureLevel: 2,
  links: [],
};

describe('views of the cluster', () => {
  it('/v1/cluster shows topology and limits', async () => {
    const { json } = await http.ask('GET', '/v1/cluster');
    expect(json).toMatchObject({
      cluster_id: 'c1',
      epoch: 1,
      shard_count: 4,
      hash: 'xxh64',
      nodes: [{ id: 1, name: 'n1', http_address: '127.0.0.1:8001', alive: true }, { id: 2 }, { id: 3 }],
      limits: { value_bytes: DEFAULT_LIMITS.valueBytes, key_bytes: 4_096 },
    });
  });

  it('/v1/nodes shows which nodes answer, but not the text of a failure', async () => {
    http.backend.status = { ...status, state: 'failed', failure: 'EIO /var/lib/kvorum/journal.db' };
    http.backend.dead.add(3);
    const answer = await http.ask('GET', '/v1/nodes');
    expect(answer.json).toMatchObject({
      nodes: [
        { id: 1, status: { state: 'failed', failed: true, leads: 4, keys: 10, uptime_ms: 12 } },
        { id: 2, alive: true, status: null },
        { id: 3, alive: false, status: null },
      ],
    });
    expect(answer.text).not.toContain('/var/lib');
  });

  it('/v1/shards and /v1/shards/{id} show roles, terms, indexes and lag', async () => {
    http.backend.status = status;
    const one = (await http.ask('GET', '/v1/shards/2')).json;
    expect(one).toMatchObject({
      shard: 2,
      group: 3,
      leader: 1,
      term: 7,
      commit: 20,
      replicas: [
        { node: 1, role: 'leader', lag: 2, applied: 18, state_hash: '0123456789abcdef' },
        { node: 2, role: null },
        { node: 3 },
      ],
    });
    const all = (await http.ask('GET', '/v1/shards')).json as { shards: unknown[] };
    expect(all.shards.length).toBe(4);
    expect(all.shards[2]).toEqual(one);
    expect((await http.ask('GET', '/v1/shards/4')).json).toMatchObject({ code: 'shard-not-found', status: 404 });
    for (const bad of ['01', '-1', '1e0', 'x', '0x1', '1.0', '99999999999']) {
      expect([bad, (await http.ask('GET', `/v1/shards/${bad}`)).status]).toEqual([bad, 400]);
    }
  });

  it('/v1/shards and /v1/nodes show for how long commits have waited; null if the node did not report it', async () => {
    const groups = status.groups.map((group) => ({ ...group, commitWaitMs: 1_234.5, sinceAppliedMs: 2_345.6 }));
    http.backend.status = { ...status, groups, electionTimeoutMs: 300, roomWaitMs: 99.6 };
    http.backend.others.set(2, status);
    const replicas = [
      { commit_wait_ms: 1_235, since_commit_ms: 2_346 },
      { commit_wait_ms: null, since_commit_ms: null },
      { role: null },
    ];
    expect((await http.ask('GET', '/v1/shards/2')).json).toMatchObject({ replicas });
    expect(await http.metrics.render()).toContain('\nkvorum_group_since_commit_seconds{shard="2"} 2.3456\n');
    const nodes = [{ room_wait_ms: 100 }, { room_wait_ms: null }, null].map((each) => ({ status: each }));
    expect((await http.ask('GET', '/v1/nodes')).json).toMatchObject({ nodes });
  });

  it('/v1/nodes and the metrics show how far the wall clock is off; null and none while that is unknown', async () => {
    http.backend.others.set(2, status);
    expect(await http.metrics.render()).not.toContain('\nkvorum_clock_offset_seconds ');
    http.backend.status = { ...status, clockOffsetMs: -1_500.5 };
    const nodes = [{ clock_offset_ms: -1_500 }, { clock_offset_ms: null }, null].map((each) => ({ status: each }));
    expect((await http.ask('GET', '/v1/nodes')).json).toMatchObject({ nodes });
    expect(await http.metrics.render()).toContain('\nkvorum_clock_offset_seconds -1.5005\n');
  });

  it('/v1/where shows shard, hash, replicas and leader of a key', async () => {
    const key = stringKey('a/b');
    expect((await http.ask('GET', '/v1/where/a/b')).json).toEqual({
      key: 'a/b',
      key_type: 'string',
      shard: shardOfKey(key, 4),
      hash: keyHash(key),
      replicas: [1, 2, 3],
      leader: 1,
    });
    expect((await http.ask('GET', `/v1/where/${encodeURIComponent('["a"]')}?key_type=json`)).json).toMatchObject({
      key_type: 'json',
    });
    expect((await http.ask('GET', '/v1/where/%22%22?key_type=json')).json).toMatchObject({
      key: '""',
      key_type: 'json',
      shard: shardOfKey(stringKey(''), 4),
    });
    expect((await http.ask('GET', '/v1/where/')).status).toBe(400);
  });

  it('a node is named as leader only if it answered and claims to lead', async () => {
    // The local replica believes that node 2 leads, but node 2 is dead and the others are followers.
    http.backend.leader = 2;
    const following = {
      ...status,
      groups: status.groups.map((g) => ({ ...g, raft: { ...g.raft, role: 'follower' } })),
    };
    http.backend.status = following as NodeStatus;
    expect((await http.ask('GET', '/v1/where/a')).json).toMatchObject({ leader: null });
    expect((await http.ask('GET', '/v1/shards/0')).json).toMatchObject({ leader: null });
    const groups = status.groups.map((g) => ({ ...g, raft: { ...g.raft, id: 3, term: 9 } }));
    http.backend.others.set(3, { ...status, id: 3, groups });
    expect((await http.ask('GET', '/v1/where/a')).json).toMatchObject({ leader: 3 });
    expect((await http.ask('GET', '/v1/shards/0')).json).toMatchObject({ leader: 3, term: 9 });
    // A deposed leader that has not seen the newer term still claims to lead.
    http.backend.status = status;
    expect((await http.ask('GET', '/v1/shards/0')).json).toMatchObject({ leader: 3, term: 9 });
  });

  it('/v1/where of a router names the leader before any request was sent to the shard', async () => {
    http.backend.self = undefined;
    http.backend.leader = undefined;
    http.backend.status = status;
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((key) => http.ask('GET', `/v1/where/${key}`)));
    expect(answers.map(({ json }) => (json as { leader: number }).leader)).toEqual([1, 1, 1, 1]);
  });

  it('answers 503 while there is no topology', async () => {
    http.backend.known = undefined;
    for (const path of ['/v1/cluster', '/v1/nodes', '/v1/shards', '/v1/shards/0', '/v1/where/a']) {
      const answer = await http.ask('GET', path);
      expect([path, answer.status, answer.json]).toMatchObject([
        path,
        503,
        { code: 'no-leader', outcome: 'not_applied' },
      ]);
    }
  });

  it('unknown query parameters are refused everywhere', async () => {
    for (const path of [
      '/v1/cluster',
      '/v1/nodes',
      '/v1/shards',
      '/v1/shards/0',
      '/livez',
      '/readyz',
      '/version',
      '/v1/where/a',
    ]) {
      const answer = await http.ask('GET', `${path}?x=1`);
      expect([path, answer.status, answer.json]).toMatchObject([path, 400, { field: 'x' }]);
    }
  });
});

describe('health, version, metrics', () => {
  it('/livez is up whatever the cluster does', async () => {
    http.backend.known = undefined;
    http.backend.serving = 'failed';
    expect(await http.ask('GET', '/livez')).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it('/readyz names what is not ready, and with ?verbose what is', async () => {
    expect(await http.ask('GET', '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
    const verbose = await http.ask('GET', '/readyz?verbose');
    expect(verbose.text).toBe('[+] state ok\n[+] topology ok\n[+] quorums ok\n[+] leaders ok\nok\n');
    http.backend.dead.add(2).add(3);
    http.backend.leader = undefined;
    http.backend.serving = 'stopping';
    const answer = await http.ask('GET', '/readyz');
    expect(answer.status).toBe(503);
    expect(answer.text).toBe(
      '[-] state: the process is stopping\n[-] quorums: too few live replicas: shard 0, 1, 2, 3\n' +
        '[-] leaders: no leader known: shard 0, 1, 2, 3\nnot ready\n',
    );
    http.backend.known = undefined;
    expect((await http.ask('GET', '/readyz')).text).toContain('[-] topology');
  });

  it('/readyz of a node is about that node: its disk counts, one bad shard elsewhere only with ?strict', async () => {
    http.backend.ailing = healthy;
    http.backend.dead.add(3).add(2);
    http.backend.leaderOf = (): number => 1;
    http.backend.known = topologyOf(3, [[1], [2, 3]]);
    http.backend.status = status;
    expect(await http.ask('GET', '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect((await http.ask('GET', '/readyz?verbose')).text).toBe(
      '[+] state ok\n[+] topology ok\n[+] disk ok\n[+] commits ok\n' +
        '[~] quorums: too few live replicas: shard 1\n[+] leaders ok\nok\n',
    );
    expect(await http.ask('GET', '/readyz?strict')).toMatchObject({
      status: 503,
      text: '[-] quorums: too few live replicas: shard 1\n[-] leaders: no leader known: shard 1\nnot ready\n',
    });
    http.backend.ailing = { ...http.backend.ailing, diskPendingMs: 1_500 };
    expect(await http.ask('GET', '/readyz')).toMatchObject({
      status: 503,
      text: '[-] disk: a write has been under way for 1.5 s\nnot ready\n',
    });
  });

  it('/readyz of a router asks the nodes whether every shard is led', async () => {
    http.backend.self = undefined;
    http.backend.leader = undefined;
    expect(await http.ask('GET', '/readyz')).toMatchObject({
      status: 503,
      text: '[-] leaders: no leader known: shard 0, 1, 2, 3\nnot ready\n',
    });
    http.backend.status = { ...status, groups: status.groups.filter(({ group }) => group !== 2) };
    expect(await http.ask('GET', '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect((await http.ask('GET', '/readyz?strict')).text).toBe('[-] leaders: no leader known: shard 1\nnot ready\n');
    http.backend.status = status;
    expect(await http.ask('GET', '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it('/readyz of a node asks the others only with ?strict', async () => {
    http.backend.ailing = healthy;
    http.backend.status = { ...status, groups: [] };
    const groups = status.groups.map((group) => ({ ...group, commitWaitMs: group.group === 3 ? 4_000 : 900 }));
    http.backend.others.set(2, { ...status, id: 2, groups, electionTimeoutMs: 500 });
    expect(await http.ask('GET', '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect(http.backend.rounds).toBe(0);
    expect(await http.ask('GET', '/readyz?strict')).toMatchObject({
      status: 503,
      text: '[-] stalls: led, and nothing committed for 4.0 s: shard 2\nnot ready\n',
    });
    expect(http.backend.rounds).toBe(1);
  });

  it('/version shows the build', async () => {
    expect((await http.ask('GET', '/version')).json).toEqual({
      name: 'kvorum',
      version: '1.2.3',
      commit: 'abc',
      node: process.version,
    });
  });

  it('/metrics counts requests by operation and code, and reports groups and storage of this node', async () => {
    http.backend.status = status;
    await http.ask('PUT', '/v1/kv/a', {}, 'x');
    await http.ask('PUT', '/v1/kv/b', {}, 'x');
    await http.ask('GET', '/v1/kv/none');
    await http.ask('DELETE', '/v1/kv/a', { 'if-match': '"99"' });
    const { text, headers } = await http.ask('GET', '/metrics');
    expect(headers['content-type']).toContain('text/plain');
    for (const line of [
      'kvorum_request_duration_seconds_count{operation="put",code="ok"} 2',
      'kvorum_request_duration_seconds_count{operation="get",code="key-not-found"} 1',
      'kvorum_request_duration_seconds_count{operation="delete",code="precondition-failed"} 1',
      'kvorum_group_term{shard="0"} 7',
      'kvorum_group_leading{shard="system"} 0',
      'kvorum_group_leading{shard="3"} 1',
      'kvorum_group_leader_changes_total{shard="1"} 2',
      'kvorum_inbox_length 5',
      'kvorum_storage_journal_used_bytes 10',
      'kvorum_storage_state_used_bytes 30',
      'kvorum_storage_commits_total 4',
      'kvorum_storage_commit_seconds{quantile="0.5"} 0.002',
      'kvorum_storage_commit_seconds{quantile="1"} 0.1',
      'kvorum_operations_in_flight 0',
      'kvorum_topology_epoch 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });
});

describe('/metrics', () => {
  const linesOf = async (prefix: string): Promise<string[]> =>
    (await http.ask('GET', '/metrics')).text.split('\n').filter((line) => line.startsWith(prefix));
  const peer = (id: number, match: number) => ({
    ...{ id, match, next: match + 1, recentlyActive: true },
    state: 'replicate' as const,
  });

  it('reports the lag of each follower of a led shard', async () => {
    const peers = [peer(2, 21), peer(3, 5)];
    const groups = status.groups.map((group) => ({ ...group, raft: { ...group.raft, peers } }));
    http.backend.status = { ...status, groups: groups.slice(0, 2) };
    expect(await linesOf('kvorum_group_follower_lag_entries')).toEqual([
      'kvorum_group_follower_lag_entries{shard="0",peer="2"} 0',
      'kvorum_group_follower_lag_entries{shard="0",peer="3"} 16',
    ]);
    // No longer the leader: it knows no match indexes of the others, so it reports none.
    http.backend.status = { ...status, groups: [] };
    expect(await linesOf('kvorum_group_follower_lag_entries')).toEqual([]);
  });

  it('reports how long the pending entries of a led shard have waited for commit; 0 for an idle one', async () => {
    http.backend.status = { ...status, groups: status.groups.slice(0, 3) };
    const stalled = [{ shard: 1, ms: 1_500 }];
    http.backend.ailing = { ...healthy, stalled };
    const lines = ['kvorum_group_commit_wait_seconds{shard="0"} 0', 'kvorum_group_commit_wait_seconds{shard="1"} 1.5'];
    expect(await linesOf('kvorum_group_commit_wait_seconds')).toEqual(lines);
  });

  it('reports the progress of snapshot transfers only while they are under way', async () => {
    http.backend.snapshots = [
      { shard: 3, to: 2, chunks: 4, bytes: 400, totalBytes: 1_000 },
      { shard: -1, to: 2, chunks: 0, bytes: 0, totalBytes: undefined },
    ];
    expect(await linesOf('kvorum_snapshot_transfer_')).toEqual([
      'kvorum_snapshot_transfer_sent_chunks{shard="3",peer="2"} 4',
      'kvorum_snapshot_transfer_sent_chunks{shard="system",peer="2"} 0',
      'kvorum_snapshot_transfer_sent_bytes{shard="3",peer="2"} 400',
      'kvorum_snapshot_transfer_sent_bytes{shard="system",peer="2"} 0',
      'kvorum_snapshot_transfer_size_bytes{shard="3",peer="2"} 1000',
    ]);
    http.backend.snapshots = [];
    expect(await linesOf('kvorum_snapshot_transfer_')).toEqual([]);
  });

  it('reports file sizes once they are known', async () => {
    http.backend.status = status;
    expect(await linesOf('kvorum_storage_file_bytes')).toEqual([]);
    const filesOfFirst = async (): Promise<unknown> => {
      const { nodes } = (await http.ask('GET', '/v1/nodes')).json as { nodes: { status: { storage: object } }[] };
      return nodes[0]?.status.storage;
    };
    expect(await filesOfFirst()).toMatchObject({ files: null });
    const files = { journal: 8_192, state: 16_384, stateWal: 0 };
    http.backend.status = { ...status, storage: { ...status.storage, files } };
    expect(await linesOf('kvorum_storage_file_bytes')).toEqual([
      'kvorum_storage_file_bytes{file="journal.db"} 8192',
      'kvorum_storage_file_bytes{file="state.db"} 16384',
      'kvorum_storage_file_bytes{file="state.db-wal"} 0',
    ]);
    expect(await filesOfFirst()).toMatchObject({
      files: { 'journal.db': 8_192, 'state.db': 16_384, 'state.db-wal': 0 },
    });
  });
});
