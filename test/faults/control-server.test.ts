import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  controlClient,
  ControlServer,
  FaultRefused,
  FAULTS_FILE,
  readFaultsFile,
  removeFaultsFile,
  writeFaultsFile,
  type Fault,
  type FaultStatus,
} from '../../src/faults/index.js';

const status: FaultStatus = { nodes: [], shards: [{ shard: 0, leader: null, term: 0 }], links: [], routers: [] };

let applied: Fault[];
let refusal: Error | undefined;
let server: ControlServer;
let url: string;

beforeEach(async () => {
  applied = [];
  refusal = undefined;
  server = new ControlServer({
    apply(fault) {
      if (refusal !== undefined) return Promise.reject(refusal);
      applied.push(fault);
      return Promise.resolve();
    },
    status: () => Promise.resolve(status),
  });
  url = await server.listen();
});
afterEach(() => server.close());

/** By hand: fetch would not let a Host or an Origin be forged. */
function ask(method: string, path: string, headers: Record<string, string>, body = ''): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, { method, headers }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode);
      });
    });
    asked.on('error', reject).end(body);
  });
}

const json = { 'Content-Type': 'application/json' };
const heal = '{"type":"heal"}';

describe('the control API', () => {
  it('performs the operations of the control for a client', async () => {
    const client = controlClient(url);
    await client.apply({ type: 'kill', node: 2 });
    expect(applied).toEqual([{ type: 'kill', node: 2 }]);
    expect(await client.status()).toEqual(status);
  });

  it('returns refusals with the message of the control, and failures as failures', async () => {
    const client = controlClient(url);
    refusal = new FaultRefused('there is no node 9');
    await expect(client.apply({ type: 'kill', node: 9 })).rejects.toThrow(new FaultRefused('there is no node 9'));
    refusal = new Error('the cluster is stopping');
    const failure = await client.apply({ type: 'kill', node: 1 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(failure).not.toBeInstanceOf(FaultRefused);
    expect(String(failure)).toContain('the cluster is stopping');
  });

  it.each<[string, string, string, Record<string, string>, string, number]>([
    ['a rebound name', 'POST', '/faults', { ...json, Host: 'evil.example' }, heal, 403],
    ['a rebound name that only reads', 'GET', '/status', { Host: 'evil.example' }, '', 403],
    ['a page', 'POST', '/faults', { ...json, Origin: 'http://127.0.0.1:8080' }, heal, 403],
    ['a form', 'POST', '/faults', { 'Content-Type': 'text/plain' }, heal, 415],
    ['no type', 'POST', '/faults', {}, heal, 415],
    ['no JSON', 'POST', '/faults', json, '{"type":', 400],
    ['too much', 'POST', '/faults', json, `"${'x'.repeat(70_000)}"`, 413],
    ['another path', 'POST', '/', json, heal, 404],
    ['another verb', 'PUT', '/faults', json, heal, 404],
  ])('refuses %s, and does nothing', async (_, method, path, headers, body, code) => {
    expect(await ask(method, path, headers, body)).toBe(code);
    expect(applied).toEqual([]);
  });

  it('answers to localhost as well', async () => {
    const port = url.split(':').at(-1) ?? '';
    expect(await ask('POST', '/faults', { ...json, Host: `localhost:${port}` }, heal)).toBe(200);
  });
});

describe('the file with the address of the control API', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kvorum-faults-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is readable by its owner only, and removed at the end', () => {
    expect(readFaultsFile(folder)).toBeUndefined();
    writeFaultsFile(folder, { url, pid: 7 });
    expect(readFaultsFile(folder)).toEqual({ url, pid: 7 });
    expect(statSync(join(folder, FAULTS_FILE)).mode & 0o777).toBe(0o600);
    removeFaultsFile(folder);
    removeFaultsFile(folder);
    expect(readFaultsFile(folder)).toBeUndefined();
  });

  it.each(['', '{', '{"url":"http://10.0.0.1:80","pid":1}'])('that holds %j is damaged', (text) => {
    writeFileSync(join(folder, FAULTS_FILE), text);
    expect(() => readFaultsFile(folder)).toThrow('faults.json is damaged');
  });
});
