import { describe, expect, it } from 'vitest';
import { checkFault, FaultRefused, type Fault } from '../../src/faults/index.js';

const size = { nodes: 5, routers: 2 };

const good: Fault[] = [
  {
    type: 'partition',
    sides: [
      [1, 2],
      [3, 4, 5],
    ],
  },
  { type: 'partition', sides: [[1, 'r2']] },
  { type: 'isolate', node: 5 },
  { type: 'cut', from: 'r1', to: 2 },
  { type: 'cut', from: 2, to: 'r2' },
  { type: 'ring' },
  { type: 'bridge', order: [5, 4, 3, 2, 1] },
  { type: 'delay', a: 1, b: 2, ms: 60_000 },
  { type: 'drop', a: 1, b: 2, percent: 0.5 },
  { type: 'rate', a: 1, b: 2, kbitPerSecond: 8_000 },
  { type: 'kill', node: 1 },
  { type: 'slow-disk', node: 1, ms: 0 },
  { type: 'step-clock', node: 1, ms: -315_360_000_000 },
  { type: 'hang-disk', node: 1 },
  { type: 'fill-disk', node: 2 },
  { type: 'fail-disk', node: 2 },
  { type: 'wipe-disk', node: 2 },
  { type: 'keep-disk', node: 2 },
  { type: 'roll-back-disk', node: 2 },
  { type: 'copy-node', node: 2 },
  { type: 'stray-node', node: 5 },
  { type: 'restart-with', node: 1, settings: { electionTicks: 3 } },
  { type: 'restart-with', node: 1, settings: { tickMs: 1_000, electionTicks: 40, leaseReads: true } },
  { type: 'heal' },
  { type: 'kill-all' },
  { type: 'mend' },
];

const bad: [unknown, string][] = [
  [undefined, 'the fault'],
  ['kill', 'the fault'],
  [{ type: 'burn' }, 'type is no known fault; got "burn"'],
  [{ type: 'kill' }, 'node must be the number of a node, such as 2; got nothing'],
  [{ type: 'kill', node: '2' }, 'node must be the number of a node'],
  [{ type: 'kill', node: 1.5 }, 'node must be the number of a node'],
  [{ type: 'kill', node: 0 }, 'node must be 1 or more; got 0'],
  [{ type: 'kill', node: 6 }, 'there is no node 6; nodes are 1 to 5'],
  [{ type: 'kill', node: 1, hard: true }, 'hard'],
  [{ type: 'cut', from: 'r3', to: 1 }, 'there is no router r3; routers are r1 to r2'],
  [
    { type: 'cut', from: 'x1', to: 1 },
    'from must be the number of a node, such as 2, or a router, such as r1; got "x1"',
  ],
  [{ type: 'cut', from: 1, to: 1 }, 'cut: 1 has no link to itself'],
  [{ type: 'delay', a: 'r1', b: 'r2', ms: 1 }, 'routers have no link with each other'],
  [{ type: 'delay', a: 1, b: 2, ms: -1 }, 'ms must be a whole number of milliseconds from 0 to 60000; got -1'],
  [{ type: 'delay', a: 1, b: 2, ms: 60_001 }, 'ms must be a whole number of milliseconds from 0 to 60000'],
  [{ type: 'rate', a: 1, b: 2, kbitPerSecond: 0.5 }, 'kbitPerSecond must be a whole number of thousand bits a second'],
  [{ type: 'rate', a: 1, b: 1, kbitPerSecond: 1 }, 'rate: 1 has no link to itself'],
  [{ type: 'drop', a: 1, b: 2, percent: 101 }, 'percent must be a number from 0 to 100; got 101'],
  [{ type: 'drop', a: 1, b: 2, percent: NaN }, 'percent must be a number from 0 to 100'],
  [{ type: 'partition', sides: [] }, 'sides must have a side'],
  [{ type: 'partition', sides: [[1], []] }, 'sides.1 must name somebody'],
  [{ type: 'partition', sides: [[1, 2], [2]] }, 'partition: 2 is named twice'],
  [{ type: 'partition', sides: [[1, 2, 3, 4, 5]] }, 'partition: with all nodes on one side nothing is cut'],
  [{ type: 'wipe-disk', node: 6 }, 'there is no node 6'],
  [{ type: 'stray-node' }, 'node must be the number of a node'],
  [{ type: 'restart-with', node: 6, settings: { tickMs: 20 } }, 'there is no node 6'],
  [{ type: 'restart-with', node: 1 }, 'settings'],
  [{ type: 'restart-with', node: 1, settings: {} }, 'settings must say tickMs, electionTicks or leaseReads'],
  [{ type: 'restart-with', node: 1, settings: { tickMs: 4 } }, 'settings.tickMs must be a whole number from 5 to 1000'],
  [{ type: 'restart-with', node: 1, settings: { electionTicks: 2 } }, 'settings.electionTicks must be a whole number'],
  [{ type: 'restart-with', node: 1, settings: { leaseReads: false } }, 'settings.leaseReads must be true, or left out'],
  [{ type: 'restart-with', node: 1, settings: { shards: 3 } }, 'settings'],
  [{ type: 'ring', order: [1, 2, 3] }, 'ring: order must name each node from 1 to 5 once; got 1,2,3'],
  [{ type: 'ring', order: [1, 2, 3, 4, 4] }, 'ring: order must name each node'],
];

describe('a fault', () => {
  it.each(good.map((fault) => [fault]))('%j is one', (fault) => {
    expect(checkFault(fault, size)).toEqual(fault);
  });

  it.each(bad)('%j is refused: %s', (input, complaint) => {
    expect(() => checkFault(input, size)).toThrow(FaultRefused);
    expect(() => checkFault(input, size)).toThrow(complaint);
  });

  it.each(['ring', 'bridge'])('%s needs three nodes', (type) => {
    expect(() => checkFault({ type }, { nodes: 2, routers: 1 })).toThrow('needs at least 3 nodes; there are 2');
  });
});
