import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultNetwork, FaultRefused, LocalFaultControl, type Fault } from '../../src/faults/index.js';
import { FakeProcesses } from './fake-processes.js';

let folder: string;
let network: FaultNetwork;
let processes: FakeProcesses;
let control: LocalFaultControl;

const make = (hasShim: boolean): LocalFaultControl =>
  new LocalFaultControl({
    // Port 9 is nobody's: no node answers, and none needs to.
    nodes: [1, 2, 3].map((n) => ({ name: `n${n}`, url: 'http://127.0.0.1:9', dataDir: join(folder, `n${n}`) })),
    routers: [{ name: 'r1', url: 'http://127.0.0.1:9' }],
    processes,
    network,
    hasShim,
  });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kvorum-faults-'));
  const endpoint = { host: '127.0.0.1', port: 9 };
  network = await FaultNetwork.open({ nodes: [endpoint, endpoint, endpoint], routers: ['r1'] });
  processes = new FakeProcesses();
  control = make(true);
});
afterEach(async () => {
  await network.close();
  rmSync(folder, { recursive: true });
});

const links = () => network.views().map(({ from, to }) => `${from}>${to}`);
const states = async () => (await control.status()).nodes.map(({ state }) => state);

describe('a fault of links', () => {
  it.each<[Fault, string[]]>([
    [{ type: 'partition', sides: [[1], [2, 3]] }, ['1>2', '2>1', '1>3', '3>1']],
    [{ type: 'partition', sides: [[1]] }, ['1>2', '2>1', '1>3', '3>1']],
    [{ type: 'partition', sides: [['r1', 1, 2]] }, ['1>3', '3>1', '2>3', '3>2', 'r1>3', '3>r1']],
    [{ type: 'isolate', node: 2 }, ['1>2', '2>1', '2>3', '3>2']],
    [{ type: 'cut', from: 2, to: 1 }, ['2>1']],
    [{ type: 'ring' }, ['1>3', '3>1']],
    [{ type: 'bridge', order: [2, 1, 3] }, ['2>3', '3>2']],
    [{ type: 'delay', a: 'r1', b: 1, ms: 5 }, ['r1>1', '1>r1']],
  ])('%j', async (fault, sick) => {
    await control.apply(fault);
    expect(links()).toEqual(sick);
  });

  it('of a shape replaces the previous one', async () => {
    await control.apply({ type: 'isolate', node: 1 });
    await control.apply({ type: 'ring' });
    expect(links()).toEqual(['1>3', '3>1']);
  });

  it('mend ends the cuts and nothing else', async () => {
    await control.apply({ type: 'ring' });
    await control.apply({ type: 'isolate', node: 2 });
    await control.apply({ type: 'delay', a: 'r1', b: 1, ms: 5 });
    await control.apply({ type: 'pause', node: 1 });
    await control.apply({ type: 'mend' });
    expect(links()).toEqual(['r1>1', '1>r1']);
    expect(await states()).toEqual(['paused', 'running', 'running']);
  });
});

describe('a fault of processes', () => {
  it('is applied if the state of the node allows it', async () => {
    const types = ['pause', 'resume', 'kill', 'restart', 'restart'] as const;
    for (const type of types) await control.apply({ type, node: 2 });
    expect(processes.done).toEqual(['pause 2', 'resume 2', 'kill 2', 'start 2', 'kill 2', 'start 2']);
  });

  it('kill-all signals all running processes before it waits for any to exit', async () => {
    await control.apply({ type: 'kill', node: 2 });
    await control.apply({ type: 'kill-all' });
    expect(processes.done).toEqual(['kill 2', 'kill 1', 'kill 3']);
    expect(processes.mostDying).toBe(2);
    await expect(control.apply({ type: 'kill-all' })).rejects.toThrow('kill-all: all nodes are dead already');
  });

  it.each<[Fault[], string]>([
    [[{ type: 'resume', node: 1 }], 'resume: node 1 is not paused: it is running'],
    [
      [
        { type: 'kill', node: 1 },
        { type: 'kill', node: 1 },
      ],
      'kill: node 1 is dead already',
    ],
    [
      [
        { type: 'kill', node: 1 },
        { type: 'pause', node: 1 },
      ],
      'pause: node 1 is dead',
    ],
    [
      [
        { type: 'pause', node: 1 },
        { type: 'pause', node: 1 },
      ],
      'pause: node 1 is paused already',
    ],
  ])('%j: the last is refused', async (faults, complaint) => {
    const last = faults.pop()!;
    for (const fault of faults) await control.apply(fault);
    const before = [...processes.done];
    await expect(control.apply(last)).rejects.toThrow(new FaultRefused(complaint));
    expect(processes.done).toEqual(before);
  });

  it('is serialised: of two at once the second waits for the first', async () => {
    const first = control.apply({ type: 'restart', node: 1 });
    const second = control.apply({ type: 'kill', node: 1 });
    await Promise.all([first, second]);
    expect(processes.done).toEqual(['kill 1', 'start 1', 'kill 1']);
  });

  it('does not block the next one when it is refused', async () => {
    const refused = control.apply({ type: 'kill', node: 4 });
    const next = control.apply({ type: 'kill', node: 3 });
    await expect(refused).rejects.toThrow('there is no node 4');
    await next;
    expect(await states()).toEqual(['running', 'running', 'dead']);
  });
});

describe('a slow disk', () => {
  const file = () => join(folder, 'n2', 'slow-sync');

  it('is a number in a file that the shim reads; the file is removed at the end', async () => {
    await control.apply({ type: 'slow-disk', node: 2, ms: 100 });
    expect(readFileSync(file(), 'utf8')).toBe('100\n');
    expect((await control.status()).nodes.map(({ slowDiskMs }) => slowDiskMs)).toEqual([0, 100, 0]);
    await control.apply({ type: 'slow-disk', node: 2, ms: 0 });
    expect(existsSync(file())).toBe(false);
  });

  it('hangs or is full by a word in a file, independently, until heal', async () => {
    const full = join(folder, 'n2', 'full-disk');
    await control.apply({ type: 'slow-disk', node: 2, ms: 100 });
    await control.apply({ type: 'hang-disk', node: 2 });
    await control.apply({ type: 'fill-disk', node: 2 });
    expect([readFileSync(file(), 'utf8'), existsSync(full)]).toEqual(['hang\n', true]);
    expect((await control.status()).nodes.map(({ disk }) => disk)).toEqual([undefined, ['hangs', 'full'], undefined]);
    await control.apply({ type: 'heal' });
    expect([existsSync(file()), existsSync(full)]).toEqual([false, false]);
    expect((await control.status()).nodes.every(({ disk }) => disk === undefined)).toBe(true);
  });

  it('is refused without the shim', async () => {
    control = make(false);
    await expect(control.apply({ type: 'slow-disk', node: 2, ms: 100 })).rejects.toThrow('runs without the shim');
    await expect(control.apply({ type: 'hang-disk', node: 2 })).rejects.toThrow('hang-disk: the cluster runs without');
    expect(existsSync(file())).toBe(false);
  });

  it('ends with the supervisor that made it slow', () => {
    mkdirSync(join(folder, 'n2'));
    writeFileSync(file(), '100\n');
    make(true);
    expect(existsSync(file())).toBe(false);
  });
});

it('a clock offset is a number in a file that the shim reads, until it is reset or healed', async () => {
  const file = join(folder, 'n2', 'clock-offset');
  await control.apply({ type: 'step-clock', node: 2, ms: -3_600_000 });
  expect(readFileSync(file, 'utf8')).toBe('-3600000\n');
  expect((await control.status()).nodes.map(({ clockOffMs }) => clockOffMs)).toEqual([
    undefined,
    -3_600_000,
    undefined,
  ]);
  await control.apply({ type: 'step-clock', node: 2, ms: 0 });
  expect(existsSync(file)).toBe(false);
  await control.apply({ type: 'step-clock', node: 2, ms: 90_000 });
  await control.apply({ type: 'heal' });
  expect([existsSync(file), (await control.status()).nodes[1]?.clockOffMs]).toEqual([false, undefined]);
  await control.apply({ type: 'step-clock', node: 2, ms: 90_000 });
  control = make(false);
  expect(existsSync(file)).toBe(false);
  await expect(control.apply({ type: 'step-clock', node: 2, ms: 1 })).rejects.toThrow(
    'step-clock: the cluster runs without',
  );
});

it('heal ends everything', async () => {
  await control.apply({ type: 'isolate', node: 1 });
  await control.apply({ type: 'drop', a: 1, b: 2, percent: 20 });
  await control.apply({ type: 'slow-disk', node: 2, ms: 100 });
  await control.apply({ type: 'pause', node: 2 });
  await control.apply({ type: 'kill', node: 3 });
  expect(await states()).toEqual(['running', 'paused', 'dead']);
  await control.apply({ type: 'heal' });
  expect(await states()).toEqual(['running', 'running', 'running']);
  expect(processes.done.slice(2)).toEqual(['resume 2', 'start 3']);
  const { links: sick, nodes } = await control.status();
  expect(sick).toEqual([]);
  expect(nodes.every(({ slowDiskMs }) => slowDiskMs === 0)).toBe(true);
});
