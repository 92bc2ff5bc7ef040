/** What `/v1/kv/` answers when the operation is forwarded, redirected or refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refuse } from '../../src/shard/errors.js';
import type { ErrorCode, NodeStatus } from '../../src/shard/index.js';
import { HttpHarness } from '../support/http-harness.js';

let http: HttpHarness;
beforeAll(async () => {
  http = await HttpHarness.start();
});
afterAll(() => http.close());

const kv = (key: string): string => `/v1/kv/${encodeURIComponent(key)}`;
let unique = 0;
const fresh = (): string => `key-${++unique}`;

/** Node 1 follows in every shard. */
const statusAtTerm = (term: number): NodeStatus => ({
  id: 1,
  name: 'n1',
  state: 'serving',
  failure: undefined,
  topologyEpoch: 1,
  uptimeMs: 1,
  alive: [],
  groups: [1, 2, 3, 4].map((group) => ({
    group,
    raft: {
      id: 1,
      role: 'follower',
      term,
      vote: 0,
      leader: 2,
      commit: 1,
      applied: 1,
      firstIndex: 1,
      lastIndex: 1,
      stableIndex: 1,
      quiesced: false,
      configuration: { voters: [1, 2, 3], votersOutgoing: [], learners: [] },
      peers: [],
    },
    stateHash: '0000000000000000',
    keys: 0,
    leaderChanges: 0,
    pendingWrites: 0,
    pendingReads: 0,
  })),
  storage: { journalBytes: 0, journalRows: 0, stateBytes: 0, commits: 0, commitMs: [] },
  inboxLength: 0,
  featureLevel: 2,
  links: [],
});

describe('forwarding', () => {
  it('Kv-Forward: never is 307 to the leader, and only to a configured member (row 21)', async () => {
    const path = '/v1/kv/a%2Fb?key_type=string';
    http.backend.leader = 2;
    const moved = await http.ask('PUT', path, { 'kv-forward': 'never' }, 'x');
    expect([moved.status, moved.headers['location']]).toEqual([307, `http://127.0.0.1:8002${path}`]);
    expect([moved.headers['kv-served-by'], moved.headers['kv-term']]).toEqual(['1', undefined]);
    // The replica in this process was not asked, but knows the term.
    http.backend.status = statusAtTerm(7);
    const known = await http.ask('GET', path, { 'kv-forward': 'never' });
    expect([known.status, known.headers['kv-served-by'], known.headers['kv-term']]).toEqual([307, '1', '7']);
    for (const leader of [undefined, 9]) {
      http.backend.leader = leader;
      http.backend.answer = refuse('not-here', undefined, leader === undefined ? {} : { leader });
      const answer = await http.ask('PUT', path, { 'kv-forward': 'never' }, 'x');
      expect([answer.status, answer.json]).toMatchObject([421, { code: 'not-here', outcome: 'not_applied' }]);
      expect(answer.headers['location']).toBeUndefined();
    }
    http.backend.answer = undefined;
    http.backend.leader = 1;
    expect((await http.ask('PUT', path, { 'kv-forward': 'never' }, 'x')).status).toBeLessThan(300);
    expect((await http.ask('GET', path, { 'kv-forward': 'always' })).status).toBe(400);
  });

  it('row 20 hops are counted: a request that was forwarded is not forwarded again', async () => {
    expect((await http.ask('GET', kv('a'), { 'kv-hops': '2' })).json).toMatchObject({
      code: 'loop-detected',
      status: 508,
    });
    expect((await http.ask('GET', kv('a'), { 'kv-hops': '-1' })).status).toBe(400);
    http.backend.leader = 2;
    const before = http.backend.received.length;
    expect((await http.ask('GET', kv('a'), { 'kv-hops': '1' })).status).toBe(508);
    expect(http.backend.received.length).toBe(before);
    http.backend.leader = 1;
    expect((await http.ask('GET', kv('absent'), { 'kv-hops': '1' })).status).toBe(404);
  });

  it('row 19 internal and forwarding headers of a client change nothing', async () => {
    const path = kv(fresh());
    await http.ask('PUT', path, {}, 'x');
    const spoofed = await http.ask('GET', path, {
      'x-shard-leader': '3',
      'x-internal-node': '2',
      'x-forwarded-for': '10.0.0.1',
      'x-forwarded-host': 'evil.example',
      'kv-served-by': '9',
      'kv-request-id': 'mine',
    });
    expect([spoofed.status, spoofed.headers['kv-served-by']]).toEqual([200, '1']);
    expect(spoofed.headers['kv-request-id']).not.toBe('mine');
    expect(JSON.stringify(http.backend.received.at(-1))).not.toContain('internal');
  });
});

describe('refusals of the cluster', () => {
  it.each<[ErrorCode, number, string]>([
    ['precondition-failed', 412, 'not_applied'],
    ['idempotency-key-reused', 422, 'not_applied'],
    ['idempotency-key-expired', 422, 'unknown'],
    ['overloaded', 429, 'not_applied'],
    ['internal', 500, 'unknown'],
    ['no-leader', 503, 'not_applied'],
    ['no-quorum', 503, 'not_applied'],
    ['shutting-down', 503, 'not_applied'],
    ['storage-failed', 503, 'not_applied'],
    ['disk-full', 507, 'not_applied'],
    ['leadership-lost', 504, 'unknown'],
    ['timeout', 504, 'unknown'],
  ])('%s is %i, %s', async (code, status, outcome) => {
    http.backend.answer = refuse(code, 'disk /var/lib/secret.db: SELECT * FROM x');
    const answer = await http.ask('PUT', kv('a'), { 'kv-timeout': '40ms' }, 'x');
    http.backend.answer = undefined;
    expect([answer.status, (answer.json as { outcome: string }).outcome]).toEqual([status, outcome]);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const retryAfter = answer.headers['retry-after'];
    expect(retryAfter === undefined || /^[1-9]\d*$/.test(String(retryAfter))).toBe(true);
    if (status === 503 || status === 429) expect(retryAfter).toBeDefined();
    // Row 38: problems on the node's side reveal no internals.
    if (['internal', 'storage-failed', 'disk-full'].includes(code)) {
      expect(answer.text).not.toMatch(/secret|SELECT/);
    }
    if (outcome === 'unknown' && code !== 'internal') {
      // The client can ask again without doing it twice, although it had named no operation.
      expect(answer.json).toMatchObject({ idempotency_key: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown });
    }
  });

  it('row 38 problem documents have their fields, and no stack', async () => {
    const answer = await http.ask('GET', '/v1/kv/a?nonsense=1');
    expect(answer.json).toMatchObject({
      type: 'urn:kvorum:problem:invalid-request',
      status: 400,
      code: 'invalid-request',
      outcome: 'not_applied',
      retryable: false,
      field: 'nonsense',
      request_id: answer.headers['kv-request-id'],
    });
    expect(answer.text).not.toMatch(/\bat .*:\d+:\d+|node_modules|src\//);
  });
});
