/** What is done to the folders and the identity of nodes: to real folders, with processes that only write down what they are told. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultRefused, LocalFaultControl, type Fault, type FaultLinks } from '../../src/faults/index.js';
import { FakeProcesses } from './fake-processes.js';

const noLinks: FaultLinks = {
  addCuts: () => undefined,
  replaceCuts: () => undefined,
  set: () => undefined,
  heal: () => undefined,
  views: () => [],
};

let folder: string;
let processes: FakeProcesses;
let control: LocalFaultControl;

const of = (node: number, ...more: string[]): string => join(folder, `n${node}`, ...more);
const make = (lent: FakeProcesses = processes): LocalFaultControl =>
  new LocalFaultControl({
    nodes: [1, 2, 3].map((n) => ({ name: `n${n}`, url: 'http://127.0.0.1:9', dataDir: of(n) })),
    routers: [],
    processes: lent,
    network: noLinks,
    hasShim: true,
    // Nobody answers there.
    answerLimitMs: 0,
  });
const write = (text: string): void => {
  mkdirSync(of(2, 'inner'), { recursive: true });
  writeFileSync(of(2, 'journal.db'), text);
  writeFileSync(of(2, 'inner', 'more'), text);
};
const content = (): string[] => [
  readFileSync(of(2, 'journal.db'), 'utf8'),
  readFileSync(of(2, 'inner', 'more'), 'utf8'),
];
const node2 = async () => (await control.status()).nodes[1];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvorum-identity-'));
  processes = new FakeProcesses();
  control = make();
  write('old');
});
afterEach(async () => {
  await control.close();
  rmSync(folder, { recursive: true });
});

describe('a disk that is wiped', () => {
  it('is emptied while its node is down; the folder stays', async () => {
    let atDeath: string[] = [];
    processes.whenKilled = () => (atDeath = readdirSync(of(2)));
    await control.apply({ type: 'fill-disk', node: 2 });
    await control.apply({ type: 'wipe-disk', node: 2 });
    expect(atDeath).toContain('journal.db');
    // Nor is anything left of the faults of the former disk.
    expect(readdirSync(of(2))).toEqual([]);
    expect(await node2()).not.toHaveProperty('disk');
    expect(processes.done).toEqual(['kill 2', 'start 2']);
  });

  it('may be that of a node that is down', async () => {
    await control.apply({ type: 'kill', node: 2 });
    await control.apply({ type: 'wipe-disk', node: 2 });
    expect(processes.done).toEqual(['kill 2', 'start 2']);
  });
});

describe('a disk that is rolled back', () => {
  it('gets the kept content back, any number of times', async () => {
    await control.apply({ type: 'slow-disk', node: 2, ms: 9 });
    await control.apply({ type: 'keep-disk', node: 2 });
    for (const times of [1, 2]) {
      write(`new ${times}`);
      writeFileSync(of(2, 'journal.db-wal'), 'of the new one');
      await control.apply({ type: 'roll-back-disk', node: 2 });
      expect(content()).toEqual(['old', 'old']);
      expect(readdirSync(of(2)).sort()).toEqual(['inner', 'journal.db']);
    }
    expect(processes.done).toEqual(['kill 2', 'start 2', 'kill 2', 'start 2', 'kill 2', 'start 2']);
  });

  it('is refused without effect if no content of this node was kept', async () => {
    mkdirSync(of(1));
    await control.apply({ type: 'keep-disk', node: 1 });
    const before = [...processes.done];
    const refused = control.apply({ type: 'roll-back-disk', node: 2 });
    await expect(refused).rejects.toThrow(FaultRefused);
    await expect(refused).rejects.toThrow('roll-back-disk: nothing was kept of node 2; keep-disk 2 first');
    expect(processes.done).toEqual(before);
    expect(content()).toEqual(['old', 'old']);
  });

  it('ignores what an earlier supervisor kept, and leaves no files behind', async () => {
    await control.apply({ type: 'keep-disk', node: 2 });
    expect(existsSync(`${of(2)}.kept`)).toBe(true);
    control = make();
    await expect(control.apply({ type: 'roll-back-disk', node: 2 })).rejects.toThrow('nothing was kept');
    await control.apply({ type: 'keep-disk', node: 2 });
    await control.close();
    expect(readdirSync(folder)).toEqual(['n2']);
  });
});

describe('a copy beside a node', () => {
  it('is made while the node is stopped, is shown, and is removed by heal', async () => {
    await control.apply({ type: 'copy-node', node: 2 });
    expect(processes.done).toEqual(['pause 2', 'resume 2', 'copy 2']);
    expect(readFileSync(`${of(2)}.copy/journal.db`, 'utf8')).toBe('old');
    expect(await node2()).toMatchObject({ state: 'running', copy: { pid: 902, state: 'running' } });
    await control.apply({ type: 'heal' });
    expect(processes.done.slice(3)).toEqual(['kill copy 2']);
    expect(existsSync(`${of(2)}.copy`)).toBe(false);
    expect(await node2()).not.toHaveProperty('copy');
  });

  it('is removed when the control is closed', async () => {
    await control.apply({ type: 'copy-node', node: 2 });
    await control.close();
    expect(processes.done).toContain('kill copy 2');
    expect(readdirSync(folder)).toEqual(['n2']);
  });
});

describe('a node of another cluster', () => {
  it('replaces a killed node until heal starts the original', async () => {
    await control.apply({ type: 'stray-node', node: 2 });
    expect(processes.done).toEqual(['kill 2', 'start 2 {"dataDir":"stray-2"}']);
    expect(await node2()).toMatchObject({ state: 'running', stray: true });
    await control.apply({ type: 'heal' });
    expect(processes.done.slice(2)).toEqual(['kill 2', 'start 2']);
    expect(await node2()).not.toHaveProperty('stray');
  });

  it.each<Fault>([
    { type: 'restart', node: 2 },
    { type: 'wipe-disk', node: 2 },
  ])('gives way to %j: it is the folder of the right one then', async (fault) => {
    await control.apply({ type: 'stray-node', node: 2 });
    await control.apply(fault);
    expect(processes.done.slice(2)).toEqual(['kill 2', 'start 2']);
    expect(await node2()).not.toHaveProperty('stray');
    await control.apply({ type: 'heal' });
    expect(processes.done).toHaveLength(4);
  });
});

describe('a node with other settings', () => {
  it('keeps them until heal', async () => {
    const settings = { tickMs: 20, leaseReads: true } as const;
    await control.apply({ type: 'restart-with', node: 2, settings });
    expect(processes.done).toEqual(['kill 2', `start 2 ${JSON.stringify({ settings })}`]);
    expect(await node2()).toMatchObject({ settings });
    await control.apply({ type: 'heal' });
    expect(processes.done.slice(2)).toEqual(['kill 2', 'start 2']);
    expect(await node2()).not.toHaveProperty('settings');
  });
});

describe('a disk that fails', () => {
  it('fails by a file until heal restarts its node, whether that has exited yet or not', async () => {
    const signal = of(2, 'failed-disk');
    for (const hasEnded of [true, false]) {
      processes.done.length = 0;
      await control.apply({ type: 'fail-disk', node: 2 });
      expect(existsSync(signal)).toBe(true);
      expect(await node2()).toMatchObject({ disk: ['fails'] });
      if (hasEnded) processes.die(2);
      await control.apply({ type: 'heal' });
      expect(existsSync(signal)).toBe(false);
      expect(processes.done).toEqual(['kill 2', 'start 2']);
    }
  });
});

it.each<[Fault[], string]>([
  [
    [
      { type: 'kill', node: 2 },
      { type: 'copy-node', node: 2 },
    ],
    'copy-node: node 2 does not run',
  ],
  [
    [
      { type: 'copy-node', node: 2 },
      { type: 'copy-node', node: 2 },
    ],
    'copy-node: node 2 has a copy beside it already',
  ],
  [
    [
      { type: 'stray-node', node: 2 },
      { type: 'copy-node', node: 2 },
    ],
    'copy-node: a node of another cluster stands in',
  ],
  [
    [
      { type: 'stray-node', node: 2 },
      { type: 'stray-node', node: 2 },
    ],
    'stray-node: a node of another cluster stands in',
  ],
])('%j: the last is refused', async (faults, complaint) => {
  const last = faults.pop()!;
  for (const fault of faults) await control.apply(fault);
  const before = [...processes.done];
  await expect(control.apply(last)).rejects.toThrow(FaultRefused);
  await expect(control.apply(last)).rejects.toThrow(complaint);
  expect(processes.done).toEqual(before);
});

it('faults that need further processes are refused where none can be started', async () => {
  const alone = new FakeProcesses();
  Object.assign(alone, { startCopy: undefined, strayFolder: undefined });
  control = make(alone);
  await expect(control.apply({ type: 'copy-node', node: 2 })).rejects.toThrow('there can be no second process');
  await expect(control.apply({ type: 'stray-node', node: 2 })).rejects.toThrow('there can be no other cluster here');
  expect(alone.done).toEqual([]);
});
