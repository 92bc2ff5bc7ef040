import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, environmentName, nodeConfig, routerConfig, startConfig } from '../../src/config/index.js';

const cluster = 'n1=127.0.0.1:7101@127.0.0.1:7001,n2=127.0.0.1:7102@127.0.0.1:7002,n3=127.0.0.1:7103@127.0.0.1:7003';
const basic = { name: 'n2', cluster, data: '/tmp/x' };
const node = (flags: Record<string, unknown> = {}, environment: Record<string, string> = {}, file?: string) =>
  nodeConfig({ flags: { ...basic, ...flags }, environment, file });

function refusal(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvorum-config-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a node', () => {
  it('gets its id from its place in the list, its listeners from its own entry, and defaults for the rest', () => {
    expect(node()).toMatchObject({
      id: 2,
      name: 'n2',
      listenHttp: { host: '127.0.0.1', port: 7002 },
      listenPeer: { host: '127.0.0.1', port: 7102 },
      shards: 16,
      replicas: 3,
      tickMs: 50,
      electionTicks: 10,
      heartbeatTicks: 2,
      maxValueBytes: 1_048_576,
      trustDataFolder: false,
      leaseReads: false,
      insecure: false,
      allowedHosts: [],
    });
  });

  it('may answer for further hosts, as names or addresses and never with a port', () => {
    const names = 'kv.internal, localhost,10.0.0.1,::1';
    expect(node({ allowedHosts: names }).allowedHosts).toEqual(['kv.internal', 'localhost', '10.0.0.1', '::1']);
    for (const bad of ['', 'a,', 'a:80', '[::1]', 'a/b', '10.0.0', 'a b']) {
      expect(refusal(() => node({ allowedHosts: bad })).message).toContain('allowedHosts');
    }
  });

  it('has the same cluster id on each machine, and another when names, shards or replicas differ', () => {
    const id = node().clusterId;
    expect(node({ name: 'n3' }).clusterId).toBe(id);
    expect(node({ cluster: cluster.replaceAll('127.0.0.1:710', '127.0.0.1:910') }).clusterId).toBe(id);
    const others = [{ shards: 8 }, { replicas: 1 }, { clusterName: 'b' }, { cluster: cluster.replace('n3', 'n4') }];
    expect(new Set([id, ...others.map((flags) => node(flags).clusterId)]).size).toBe(5);
  });

  it('has one replica alone in a cluster of one, unless told otherwise', () => {
    const alone = { name: 'a', cluster: 'a=127.0.0.1:1@127.0.0.1:2' };
    expect(node(alone).replicas).toBe(1);
    expect(refusal(() => node({ ...alone, replicas: '2' })).message).toContain('replicas (2)');
  });

  it('may dial another address than the configured one of a node', () => {
    expect(node().via).toEqual([]);
    const [to, through] = [
      { host: '127.0.0.1', port: 7103 },
      { host: '::1', port: 9 },
    ];
    expect(node({ via: '127.0.0.1:7103=[::1]:9' }).via).toEqual([{ to, through }]);
    const router = { nodes: '127.0.0.1:7103', listen: '127.0.0.1:0', via: '127.0.0.1:7103=[::1]:9' };
    expect(routerConfig({ flags: router, environment: {} }).via).toEqual([{ to, through }]);
    expect(refusal(() => node({ via: '127.0.0.1:7103' })).message).toContain('knownHost:port=dialledHost:port');
    expect(refusal(() => node({ via: 'a:1=b:2=c:3' })).message).toContain('knownHost:port=dialledHost:port');
    expect(refusal(() => node({ via: 'a:1=b:2,a:1=c:3' })).message).toContain('gives two ways to a:1');
  });

  it('takes a flag before the environment, that before the file, that before the default', () => {
    const file = join(folder, 'node.json');
    writeFileSync(file, JSON.stringify({ shards: 4, tickMs: 20, heartbeatTicks: 3, leaseReads: true }));
    const config = node({ shards: '8' }, { KVORUM_SHARDS: '6', KVORUM_TICK_MS: '30' }, file);
    expect(config).toMatchObject({ shards: 8, tickMs: 30, heartbeatTicks: 3, electionTicks: 10, leaseReads: true });
    expect(node({}, { KVORUM_CONFIG: file }).shards).toBe(4);
  });

  it.each([
    ['shards', '0', '1 to 1024'],
    ['shards', '1025', '1 to 1024'],
    ['shards', '-1', '1 to 1024'],
    ['shards', '1.5', '1 to 1024'],
    ['shards', '0x10', '1 to 1024'],
    ['shards', '1e1', '1 to 1024'],
    ['shards', ' 8', '1 to 1024'],
    ['shards', '', '1 to 1024'],
    ['shards', '9007199254740993', '1 to 1024'],
    ['replicas', '4', 'number of nodes (3)'],
    ['tickMs', '1', '5 to 1000'],
    ['electionTicks', '2', '3 to 1000'],
    ['heartbeatTicks', '0', '1 to 100'],
    ['maxValueBytes', '0', '1 to 16777216'],
    ['maxValueBytes', '16777217', '1 to 16777216'],
    ['maxJournalBytes', '1', '65536 to'],
    ['maxJournalBytes', '4194304', 'at least 6963200'],
    ['leaseReads', 'yes', 'true or false'],
    ['logLevel', 'loud', 'debug, info'],
    ['listenHttp', 'localhost', 'host:port'],
    ['listenPeer', '1.2.3:80', 'host:port'],
    ['clusterId', 'abc', 'UUID'],
    ['name', 'n9', 'n1, n2, n3'],
  ])('refuses %s %j, naming field and limit', (field, value, limit) => {
    const error = refusal(() => node({ [field]: value }));
    expect(error.field).toBe(field);
    expect(error.message).toContain(field);
    expect(error.message).toContain(limit);
  });

  it('says where the bad value came from', () => {
    expect(refusal(() => node({ shards: 'x' })).message).toContain('flag --shards');
    expect(refusal(() => node({}, { KVORUM_SHARDS: 'x' })).message).toContain('environment variable KVORUM_SHARDS');
    const file = join(folder, 'node.json');
    writeFileSync(file, '{"shards":[1]}');
    expect(refusal(() => node({}, {}, file)).message).toContain(`field shards of ${file}`);
  });

  it('says what is missing and the three ways to say it', () => {
    const error = refusal(() => nodeConfig({ flags: { name: 'n1', cluster }, environment: {} }));
    expect(error.field).toBe('data');
    for (const way of ['--data', 'KVORUM_DATA', 'config file']) expect(error.message).toContain(way);
  });

  it.each([
    ['{"shard":4}', 'shard is no known field'],
    ['{"__proto__":{"x":1}}', '__proto__ is no known field'],
    ['[1]', 'one JSON object'],
    ['{', 'cannot read'],
  ])('refuses the file %s', (content, complaint) => {
    const file = join(folder, 'node.json');
    writeFileSync(file, content);
    expect(refusal(() => node({}, {}, file)).message).toContain(complaint);
  });

  it('keeps control characters of a bad value out of the terminal', () => {
    const { message } = refusal(() => node({ logLevel: '\u001B[2J\n' }));
    expect(message).not.toContain('\u001B');
    expect(message).not.toContain('\n');
  });

  it('refuses elections no slower than heartbeats', () => {
    expect(refusal(() => node({ electionTicks: 3, heartbeatTicks: 3 })).field).toBe('electionTicks');
  });
});

describe('the list of members', () => {
  it.each([
    ['n1', 'not of the form'],
    ['n1=127.0.0.1:1', 'not of the form'],
    ['=127.0.0.1:1@127.0.0.1:2', "member name ''"],
    ['n 1=127.0.0.1:1@127.0.0.1:2', 'member name'],
    ['n1=127.0.0.1@127.0.0.1:2', 'peer address'],
    ['n1=127.0.0.1:70000@127.0.0.1:2', 'peer address'],
    ['n1=127.0.0.1:1@http://127.0.0.1:2', 'http address'],
    ['n1=user@127.0.0.1:1@127.0.0.1:2', 'peer address'],
    ['n1=a:1@a:2,n1=a:3@a:4', 'n1 twice'],
    ['n1=a:1@a:1', 'a:1 twice'],
    ['n1=a:1@a:2,', 'not of the form'],
  ])('refuses %s', (text, complaint) => {
    const error = refusal(() => node({ cluster: text }));
    expect(error.field).toBe('cluster');
    expect(error.message).toContain(complaint);
  });

  it('takes IPv6 addresses in brackets', () => {
    expect(node({ name: 'a', cluster: 'a=[::1]:7101@[::1]:7001' }).listenPeer).toEqual({ host: '::1', port: 7101 });
  });

  it('refuses more than 100 members', () => {
    const many = Array.from({ length: 101 }, (_, i) => `m${i}=h${i}:1@h${i}:2`).join(',');
    expect(refusal(() => node({ name: 'm0', cluster: many })).message).toContain('at most 100');
  });
});

describe('row 43: listening beyond loopback', () => {
  it.each(['0.0.0.0:7001', '10.0.0.1:7001', '[::]:7001', 'example.org:7001', '128.0.0.1:7001'])(
    'is refused at %s without --insecure, and accepted with it',
    (place) => {
      for (const field of ['listenHttp', 'listenPeer']) {
        const error = refusal(() => node({ [field]: place }));
        expect(error.field).toBe(field);
        expect(error.message).toContain('--insecure');
        expect(node({ [field]: place, insecure: true }).insecure).toBe(true);
      }
      expect(refusal(() => routerConfig({ flags: { nodes: 'a:1', listen: place }, environment: {} })).field).toBe(
        'listen',
      );
    },
  );

  it.each(['127.0.0.1:7001', '127.8.9.1:7001', '[::1]:7001', 'localhost:7001', '[::ffff:127.0.0.1]:7001'])(
    'does not concern %s',
    (place) => {
      expect(node({ listenHttp: place, listenPeer: place }).insecure).toBe(false);
    },
  );

  it('is refused also when the address is only its own in --cluster', () => {
    const wide = cluster.replaceAll('127.0.0.1', '10.0.0.1');
    expect(refusal(() => node({ cluster: wide })).message).toContain('--insecure');
  });
});

describe('a router', () => {
  it('needs nodes, and listens on 127.0.0.1:8080', () => {
    expect(routerConfig({ flags: { nodes: 'a:1, b:2' }, environment: {} })).toMatchObject({
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      listen: { host: '127.0.0.1', port: 8080 },
    });
    expect(refusal(() => routerConfig({ flags: {}, environment: {} })).field).toBe('nodes');
    expect(refusal(() => routerConfig({ flags: { nodes: 'a:1,b' }, environment: {} })).field).toBe('nodes');
  });
});

describe('a local cluster', () => {
  it('has 3 nodes, 3 replicas, 16 shards, and fewer replicas when there are fewer nodes', () => {
    expect(startConfig({})).toMatchObject({ nodes: 3, replicas: 3, shards: 16, port: 8080, dataDir: '.kvorum' });
    expect(startConfig({ nodes: '2' }).replicas).toBe(2);
    expect(startConfig({ nodes: '5' }).replicas).toBe(3);
    expect([...startConfig({ nodes: '5' }).explicit]).toEqual(['nodes']);
  });

  it('has further routers and faults together, and starts no node again under faults', () => {
    expect(startConfig({})).toMatchObject({ faults: false, routers: 1 });
    expect(startConfig({ faults: true, routers: '3' })).toMatchObject({ faults: true, routers: 3 });
    expect(refusal(() => startConfig({ routers: '2' })).message).toContain('routers is for --faults only');
    expect(refusal(() => startConfig({ faults: true, restart: true })).message).toContain(
      'restart contradicts --faults',
    );
  });

  it.each([
    ['routers', '10', '1 to 9'],
    ['nodes', '0', '1 to 9'],
    ['nodes', '10', '1 to 9'],
    ['replicas', '4', 'number of nodes (3)'],
    ['port', '65536', '0 to 65535'],
    ['data', '', 'path of a folder'],
  ])('refuses %s %j', (field, value, limit) => {
    const error = refusal(() => startConfig({ [field]: value }));
    expect(error.field).toBe(field);
    expect(error.message).toContain(limit);
  });
});

it('names environment variables after fields', () => {
  expect(environmentName('maxValueBytes')).toBe('KVORUM_MAX_VALUE_BYTES');
});
