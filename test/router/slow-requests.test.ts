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

/** Collects what is warned of. */
function listening(): { readonly lines: [object, string][]; readonly logger: Logger } {
  const lines: [object, string][] = [];
  return { lines, logger: { ...silentLogger, warn: (fields, message) => lines.push([fields, message]) } };
}

describe('a request that takes long, over HTTP', () => {
  let http: HttpHarness;
  let heard: ReturnType<typeof listening>;
  let passed = 0;
  beforeEach(async () => {
    heard = listening();
    http = await HttpHarness.start({ logger: heard.logger });
    passed = 0;
    // Stands still but for what the test lets pass.
    const began = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => began + passed);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await http.close();
  });

  /** A request that is answered when so many ms have passed. */
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
    'a %s writes one line with where its time went, and nothing of its key',
    async (method, path, body, status, code) => {
      const { headers } = await slow(700, method, path, body);
      expect(heard.lines).toHaveLength(1);
      const [fields, message] = heard.lines[0]!;
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
      expect(JSON.stringify(heard.lines)).not.toContain('secret');
      expect(await http.metrics.render()).toContain('kvorum_slow_requests_total 1\n');
    },
  );

  it('a fast one writes none', async () => {
    await slow(SLOW_MS / 2, 'GET', '/v1/kv/a');
    expect(heard.lines).toEqual([]);
    expect(await http.metrics.render()).toContain('kvorum_slow_requests_total 0\n');
  });

  it('one whose body took long says so, and nothing of waiting', async () => {
    const socket = http.socket();
    const head = 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n';
    socket.write(`${head}1\r\nx\r\n`);
    await until(() => http.server.inFlight === 1);
    passed += 800;
    socket.write('0\r\n\r\n');
    await until(() => heard.lines.length === 1);
    expect(heard.lines[0]?.[0]).toMatchObject({ method: 'PUT', status: 201, attempts: 1 });
    expect(heard.lines[0]?.[0]).toMatchObject({ ms: 800, receiveMs: 800, searchMs: 0, nodeMs: 0 });
    socket.destroy();
  });
});

/** A dispatcher in virtual time; each operation is told as if it had been a request of so long. */
class Scene {
  readonly runtime = new VirtualRuntime();
  readonly backend = new FakeBackend();
  readonly dispatcher = new Dispatcher({ backend: this.backend, runtime: this.runtime, shardOfKey: () => 2 });
  readonly heard = listening();
  readonly logged: boolean[] = [];
  readonly slow = new SlowRequests({
    backend: this.backend,
    dispatcher: this.dispatcher,
    logger: this.heard.logger,
    observer: { observe: () => undefined, slow: (logged) => this.logged.push(logged) },
  });

  /** Its request came `receiveMs` before it is dispatched. */
  dispatch(deadlineMs: number, receiveMs = 0): void {
    const startedAt = this.runtime.now() - receiveMs;
    this.dispatcher.dispatch(get, { deadlineMs, forward: true }, (reply) => {
      this.tell(this.runtime.now() - startedAt, startedAt, { reply, deadlineMs });
    });
  }

  tell(ms: number, startedAt: number, of?: { readonly reply: DispatchReply; readonly deadlineMs: number }): void {
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
    expect(scene.heard.lines).toEqual([
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
    const [fields] = scene.heard.lines[0]!;
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
    expect(scene.heard.lines[0]?.[0]).toMatchObject({ ms: 2_000, searchMs: 2_000, nodeMs: 0 });
    // The last that was asked before the wait that did not end.
    expect(scene.heard.lines[0]?.[0]).toHaveProperty('askedNode', 3);
  });

  it('at a node that says nothing until the end', async () => {
    const scene = new Scene();
    scene.backend.self = undefined;
    scene.backend.leader = 2;
    scene.backend.holding = true;
    scene.dispatch(1_500);
    await scene.runtime.run(2_000);
    const told = { ms: 1_500, searchMs: 0, nodeMs: 1_500, attempts: 1, askedNode: 2 };
    expect(scene.heard.lines[0]?.[0]).toMatchObject(told);
    // It has no name of the lines' own, by which each says which process wrote it.
    expect(scene.heard.lines[0]?.[0]).not.toHaveProperty('node');
  });

  it('of a node in another process nothing more is logged', async () => {
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
    expect(scene.heard.lines[0]?.[0]).toMatchObject({ askedNode: 2, nodeMs: 600 });
    expect(scene.heard.lines[0]?.[0]).not.toHaveProperty('diskPendingMs');
  });
});

it('one that reached no shard is logged with what is known of it', () => {
  const scene = new Scene();
  scene.tell(600.4, 0);
  const known = { requestId: 'r1', method: 'GET', route: '/v1/kv/{key}', status: 200, code: 'ok', ms: 600 };
  expect(scene.heard.lines).toEqual([[known, 'slow-request']]);
});

it('lines are a few a second; the rest is counted', () => {
  const scene = new Scene();
  for (let i = 0; i < 3 * LINES_PER_SECOND; i++) scene.tell(600, i);
  expect(scene.heard.lines).toHaveLength(LINES_PER_SECOND);
  expect(scene.logged.filter((logged) => !logged)).toHaveLength(2 * LINES_PER_SECOND);
  scene.tell(600, 1_000);
  expect(scene.heard.lines).toHaveLength(LINES_PER_SECOND + 1);
});
