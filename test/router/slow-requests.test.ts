import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DispatchReply } from '../../src/router/dispatch/call.js';
import { Dispatcher } from '../../src/router/dispatch/dispatcher.js';
import { LINES_PER_SECOND, SLOW_MS, SlowRequests } from '../../src/router/kv/slow-requests.js';
import { refuse } from '../../src/shard/errors.js';
import { shardOfKey, silentLogger, stringKey, type Logger, type KvOperation } from '../../src/shard/index.js';
import { FakeBackend } from '../support/fake-backend.js';
import { HttpHarness, until } from '../support/http-harness.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

const get: KvOperation = { type: 'get', key: stringKey('k'), consistency: 'linearizable' };

/** A logger that collects warnings. */
function collecting(): { readonly lines: [object, string][]; readonly logger: Logger } {
  const lines: [object, string][] = [];
  return { lines, logger: { ...silentLogger, warn: (fields, message) => lines.push([fields, message]) } };
}

describe('a request that takes long, over HTTP', () => {
  let http: HttpHarness;
  let log: ReturnType<typeof collecting>;
  let passed = 0;
  beforeEach(async () => {
    log = collecting();
    http = await HttpHarness.start({ logger: log.logger });
    passed = 0;
    // The clock stands still unless the test advances it.
    const began = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => began + passed);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await http.close();
  });

  /** A request that is answered after `ms` on the mocked clock. */
  async function slow(ms: number, method: string, path: string, body?: string) {
    http.backend.holding = true;
    const answer = http.ask(method, path, {}, body);
    await until(() => http.backend.held === 1);
    passed += ms;
    http.backend.release();
    return answer;
  }

  it.each([
    ['PUT', '/v1/kv/secret', 'x', 201, 'ok'],
    ['GET', '/v1/kv/secret?consistency=stale', undefined, 404, 'key-not-found'],
  ])(
    'a %s writes one line that says where its time went, without its key',
    async (method, path, body, status, code) => {
      const { headers } = await slow(700, method, path, body);
      expect(log.lines).toHaveLength(1);
      const [fields, message] = log.lines[0]!;
      expect(message).toBe('slow-request');
      const requestId = headers['kv-request-id'];
      expect(fields).toMatchObject({
        requestId,
        method,
        route: '/v1/kv/{key}',
        status,
        code,
        askedNode: 1,
        attempts: 1,
        waits: 0,
      });
      expect(fields).toMatchObject({ ms: 700, receiveMs: 0, searchMs: 0, nodeMs: 700 });
      expect(fields).toHaveProperty('shard', shardOfKey(stringKey('secret'), 4));
      expect(JSON.stringify(log.lines)).not.toContain('secret');
      expect(await http.metrics.render()).toContain('kvorum_slow_requests_total 1\n');
    },
  );

  it('a fast one writes none', async () => {
    await slow(SLOW_MS / 2, 'GET', '/v1/kv/a');
    expect(log.lines).toEqual([]);
    expect(await http.metrics.render()).toContain('kvorum_slow_requests_total 0\n');
  });

  it('a request whose body was slow reports receive time only', async () => {
    const socket = http.socket();
    const head = 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n';
    socket.write(`${head}1\r\nx\r\n`);
    await until(() => http.server.inFlight === 1);
    passed += 800;
    socket.write('0\r\n\r\n');
    await until(() => log.lines.length === 1);
    expect(log.lines[0]?.[0]).toMatchObject({ method: 'PUT', status: 201, attempts: 1 });
    expect(log.lines[0]?.[0]).toMatchObject({ ms: 800, receiveMs: 800, searchMs: 0, nodeMs: 0 });
    socket.destroy();
  });
});

/** A dispatcher in virtual time; each operation is reported as an HTTP request of its duration. */
class Scene {
  readonly runtime = new VirtualRuntime();
  readonly backend = new FakeBackend();
  readonly dispatcher = new Dispatcher({ backend: this.backend, runtime: this.runtime, shardOfKey: () => 2 });
  readonly log = collecting();
  readonly logged: boolean[] = [];
  readonly slow = new SlowRequests({
    backend: this.backend,
    dispatcher: this.dispatcher,
    logger: this.log.logger,
    observer: { observe: () => undefined, slow: (logged) => this.logged.push(logged) },
  });

  /** The request arrived `receiveMs` before it is dispatched. */
  dispatch(deadlineMs: number, receiveMs = 0): void {
    const startedAt = this.runtime.now() - receiveMs;
    this.dispatcher.dispatch(get, { deadlineMs, forward: true }, (reply) => {
      this.report(this.runtime.now() - startedAt, startedAt, { reply, deadlineMs });
    });
  }

  report(ms: number, startedAt: number, of?: { readonly reply: DispatchReply; readonly deadlineMs: number }): void {
    const request = { requestId: 'r1', method: 'GET', route: '/v1/kv/{key}', status: 200, code: 'ok', ms, startedAt };
    this.slow.report(request, of && { ...of, consistency: 'linearizable' });
  }
}

describe('where the time of a request went', () => {
  it('before it was dispatched, and at the node', async () => {
    const scene = new Scene();
    await scene.runtime.run(1_000);
    scene.backend.holding = true;
    scene.backend.ailing = {
      state: 'serving',
      electionTimeoutMs: 300,
      linked: [1, 2, 3],
      diskPendingMs: 550.4,
      stalled: [
        { shard: 1, ms: 9 },
        { shard: 2, ms: 580 },
      ],
    };
    scene.dispatch(5_000, 100);
    await scene.runtime.run(600);
    scene.backend.release();
    expect(scene.log.lines).toEqual([
      [
        {
          ...{ requestId: 'r1', method: 'GET', route: '/v1/kv/{key}', status: 200, code: 'ok', ms: 700 },
          ...{ shard: 2, consistency: 'linearizable', askedNode: 1, attempts: 1, waits: 0 },
          ...{ receiveMs: 100, searchMs: 0, nodeMs: 600, diskPendingMs: 550, commitWaitMs: 580 },
        },
        'slow-request',
      ],
    ]);
  });

  it('waiting for a leader that then answers at once', async () => {
    const scene = new Scene();
    scene.backend.answer = refuse('not-here');
    scene.dispatch(5_000);
    await scene.runtime.run(1_000);
    scene.backend.answer = undefined;
    await scene.runtime.run(500);
    const [fields] = scene.log.lines[0]!;
    const { ms, searchMs, nodeMs, attempts, waits } = fields as Record<string, number>;
    expect({ nodeMs, searchMs }).toEqual({ nodeMs: 0, searchMs: ms });
    expect(ms).toBeGreaterThan(1_000);
    expect(waits).toBeGreaterThan(2);
    expect(attempts).toBe(3 * waits! + 1);
  });

  it('waiting for a leader that never comes', async () => {
    const scene = new Scene();
    scene.backend.answer = refuse('not-here');
    scene.dispatch(2_000);
    await scene.runtime.run(2_500);
    expect(scene.log.lines[0]?.[0]).toMatchObject({ ms: 2_000, searchMs: 2_000, nodeMs: 0 });
    // The last node asked before the final wait.
    expect(scene.log.lines[0]?.[0]).toHaveProperty('askedNode', 3);
  });

  it('at a node that stays silent until the deadline', async () => {
    const scene = new Scene();
    scene.backend.self = undefined;
    scene.backend.leader = 2;
    scene.backend.holding = true;
    scene.dispatch(1_500);
    await scene.runtime.run(2_000);
    const expected = { ms: 1_500, searchMs: 0, nodeMs: 1_500, attempts: 1, askedNode: 2 };
    expect(scene.log.lines[0]?.[0]).toMatchObject(expected);
    // `node` is the field with which each line names the process that wrote it.
    expect(scene.log.lines[0]?.[0]).not.toHaveProperty('node');
  });

  it('disk fields are left out for a node in another process', async () => {
    const scene = new Scene();
    scene.backend.leader = 2;
    scene.backend.self = 3;
    scene.backend.ailing = {
      state: 'serving',
      electionTimeoutMs: 300,
      linked: [1, 2, 3],
      diskPendingMs: 500,
      stalled: [],
    };
    scene.backend.holding = true;
    scene.dispatch(5_000);
    await scene.runtime.run(600);
    scene.backend.release();
    expect(scene.log.lines[0]?.[0]).toMatchObject({ askedNode: 2, nodeMs: 600 });
    expect(scene.log.lines[0]?.[0]).not.toHaveProperty('diskPendingMs');
  });
});

it('a request that reached no shard is logged with the known fields', () => {
  const scene = new Scene();
  scene.report(600.4, 0);
  const known = { requestId: 'r1', method: 'GET', route: '/v1/kv/{key}', status: 200, code: 'ok', ms: 600 };
  expect(scene.log.lines).toEqual([[known, 'slow-request']]);
});

it('lines are limited per second; the rest is counted', () => {
  const scene = new Scene();
  for (let i = 0; i < 3 * LINES_PER_SECOND; i++) scene.report(600, i);
  expect(scene.log.lines).toHaveLength(LINES_PER_SECOND);
  expect(scene.logged.filter((logged) => !logged)).toHaveLength(2 * LINES_PER_SECOND);
  scene.report(600, 1_000);
  expect(scene.log.lines).toHaveLength(LINES_PER_SECOND + 1);
});
