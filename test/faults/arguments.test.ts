import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FORMS, formatFault, parseFault, UsageError } from '../../scripts/faults/arguments.js';
import { FaultRefused, type Fault, type Party } from '../../src/faults/index.js';

const leaderOf = (shard: number) => (shard === 7 ? 3 : 1);
const parsed = (text: string) => parseFault(text.split(' '))(leaderOf);

describe('parsing of arguments', () => {
  it.each<[string, Fault]>([
    ['partition 1,2/3', { type: 'partition', sides: [[1, 2], [3]] }],
    ['partition 1,leader:7,r1/2', { type: 'partition', sides: [[1, 3, 'r1'], [2]] }],
    ['isolate leader:7', { type: 'isolate', node: 3 }],
    ['one-way 1>2', { type: 'cut', from: 1, to: 2 }],
    ['one-way r1 leader:7', { type: 'cut', from: 'r1', to: 3 }],
    ['ring', { type: 'ring' }],
    ['bridge 3,1,2', { type: 'bridge', order: [3, 1, 2] }],
    ['delay 1-2 50ms', { type: 'delay', a: 1, b: 2, ms: 50 }],
    ['delay r1-2 2s', { type: 'delay', a: 'r1', b: 2, ms: 2000 }],
    ['delay 1-2 0', { type: 'delay', a: 1, b: 2, ms: 0 }],
    ['drop 1-2 20%', { type: 'drop', a: 1, b: 2, percent: 20 }],
    ['drop 1-2 0.5', { type: 'drop', a: 1, b: 2, percent: 0.5 }],
    ['rate 1-r2 8mbit', { type: 'rate', a: 1, b: 'r2', kbitPerSecond: 8_000 }],
    ['rate 1-2 500kbit', { type: 'rate', a: 1, b: 2, kbitPerSecond: 500 }],
    ['rate 1-2 0', { type: 'rate', a: 1, b: 2, kbitPerSecond: 0 }],
    ['kill 2', { type: 'kill', node: 2 }],
    ['pause leader:0', { type: 'pause', node: 1 }],
    ['step-clock 2 -3600s', { type: 'step-clock', node: 2, ms: -3_600_000 }],
    ['slow-disk 2 100ms', { type: 'slow-disk', node: 2, ms: 100 }],
    ['hang-disk 3', { type: 'hang-disk', node: 3 }],
    ['fill-disk 1', { type: 'fill-disk', node: 1 }],
    ['fail-disk 1', { type: 'fail-disk', node: 1 }],
    ['wipe-disk leader:7', { type: 'wipe-disk', node: 3 }],
    ['keep-disk 2', { type: 'keep-disk', node: 2 }],
    ['roll-back-disk 2', { type: 'roll-back-disk', node: 2 }],
    ['copy-node 2', { type: 'copy-node', node: 2 }],
    ['stray-node 2', { type: 'stray-node', node: 2 }],
    ['restart-with leader:7 lease-reads', { type: 'restart-with', node: 3, settings: { leaseReads: true } }],
    [
      'restart-with 2 election-ticks=40 tick-ms=20',
      { type: 'restart-with', node: 2, settings: { tickMs: 20, electionTicks: 40 } },
    ],
    ['heal', { type: 'heal' }],
    ['kill-all', { type: 'kill-all' }],
    ['mend', { type: 'mend' }],
  ])('%s', (text, fault) => {
    expect(parsed(text)).toEqual(fault);
  });

  it.each([
    ['frob', "'frob' is no fault; there are partition,"],
    ['toString', "'toString' is no fault"],
    ['partition', 'partition: needs SIDE/SIDE…; got nothing'],
    ['partition 1,/2', "partition: '' is no node"],
    ['partition 1/2 3', "partition: needs SIDE/SIDE…; got '1/2 3'"],
    ['isolate leader', "isolate: 'leader' is no node"],
    ['isolate leader:x', "isolate: 'leader:x' is no node"],
    ['isolate r1', "isolate: 'r1' is no node"],
    ['isolate 0', "isolate: '0' is no node"],
    ['one-way', "such as '1>2' in quotes"],
    ['one-way 1-2', 'one-way: needs FROM>TO'],
    ['one-way 1>2>3', 'one-way: needs FROM>TO'],
    ['one-way 1>', "one-way: '' is no node"],
    ['delay 1 50ms', "delay: '1' is no link"],
    ['delay 1-2-3 50ms', "delay: '1-2-3' is no link"],
    ['delay 1-2 fast', "delay: time 'fast' must be from 0ms to 60000ms"],
    ['delay 1-2 61s', "delay: time '61s' must be from 0ms to 60000ms"],
    ['delay 1-2 -1ms', "delay: time '-1ms'"],
    ['step-clock 1 1h', "step-clock: time '1h' must be from -315360000000ms"],
    ['step-clock 1 315360001s', 'must be from -315360000000ms'],
    ['slow-disk 1 -5ms', "slow-disk: time '-5ms' must be from 0ms"],
    ['drop 1-2 -5%', "drop: percent '-5%' must be from 0% to 100%"],
    ['kill 2 --hard', "kill: unknown option '--hard'"],
    ['drop 1-2 101%', "drop: percent '101%' must be from 0% to 100%"],
    ['drop 1-2 many', "drop: percent 'many'"],
    ['rate 1-2 8', "rate: rate '8' must be 0, or up to 10000mbit"],
    ['rate 1-2 10001mbit', "rate: rate '10001mbit' must be 0"],
    ['kill two', "kill: 'two' is no node"],
    ['wipe-disk', 'wipe-disk: needs NODE; got nothing'],
    ['restart-with 2', 'restart-with: needs NODE SETTING'],
    ['restart-with 2 tick-ms=fast', "restart-with: 'tick-ms=fast' must be tick-ms=N, election-ticks=N or lease-reads"],
    ['restart-with 2 tick-ms=20 tick-ms=30', "restart-with: 'tick-ms=30' must be tick-ms=N"],
    ['restart-with 2 shards=3', "restart-with: 'shards=3' must be"],
    ['heal 2', "heal: takes nothing more; got '2'"],
  ])('%s is refused: %s', (text, complaint) => {
    expect(() => parseFault(text.split(' '))).toThrow(UsageError);
    expect(() => parseFault(text.split(' '))).toThrow(complaint);
  });
});

it.each([
  ['one-way 1>1', 'one-way: 1 has no link to itself'],
  ['one-way leader:7 3', 'one-way: 3 has no link to itself'],
  ['one-way r1>r2', 'one-way: routers have no link with each other'],
])('%s is refused by the name that was typed: %s', (text, complaint) => {
  const request = parseFault(text.split(' '));
  expect(() => request(leaderOf)).toThrow(FaultRefused);
  expect(() => request(leaderOf)).toThrow(complaint);
});

const node = fc.integer({ min: 1, max: 9 });
const party: fc.Arbitrary<Party> = fc.oneof(
  node,
  node.map((n): Party => `r${n}`),
);
const ms = fc.integer({ min: 0, max: 60_000 });
const order = fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 3 });
const settings = fc
  .record(
    {
      tickMs: fc.integer({ min: 5, max: 1_000 }),
      electionTicks: fc.integer({ min: 3, max: 1_000 }),
      leaseReads: fc.constant(true as const),
    },
    { requiredKeys: [] },
  )
  .filter((said) => Object.keys(said).length > 0);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({
    type: fc.constant('partition' as const),
    sides: fc.array(fc.array(party, { minLength: 1 }), { minLength: 1 }),
  }),
  fc
    .record({ type: fc.constant('cut' as const), from: party, to: party })
    .filter(({ from, to }) => from !== to && (typeof from === 'number' || typeof to === 'number')),
  fc.record({ type: fc.constantFrom('ring' as const, 'bridge' as const) }),
  fc.record({ type: fc.constantFrom('ring' as const, 'bridge' as const), order }),
  fc.record({ type: fc.constant('delay' as const), a: party, b: party, ms }),
  fc.record({ type: fc.constant('drop' as const), a: party, b: party, percent: fc.integer({ min: 0, max: 100 }) }),
  fc.record({
    type: fc.constant('rate' as const),
    a: party,
    b: party,
    kbitPerSecond: fc.integer({ min: 0, max: 1e7 }),
  }),
  fc.record({ type: fc.constantFrom('isolate', 'kill', 'pause', 'resume', 'restart'), node }) as fc.Arbitrary<Fault>,
  fc.record({ type: fc.constant('slow-disk' as const), node, ms }),
  fc.record({
    type: fc.constant('step-clock' as const),
    node,
    ms: fc.integer({ min: -315_360_000_000, max: 315_360_000_000 }),
  }),
  fc.record({ type: fc.constantFrom('hang-disk', 'fill-disk', 'fail-disk'), node }) as fc.Arbitrary<Fault>,
  fc.record({
    type: fc.constantFrom('wipe-disk', 'keep-disk', 'roll-back-disk', 'copy-node', 'stray-node'),
    node,
  }) as fc.Arbitrary<Fault>,
  fc.record({ type: fc.constant('restart-with' as const), node, settings }),
  fc.constantFrom<Fault>({ type: 'heal' }, { type: 'kill-all' }, { type: 'mend' }),
);

describe('the description of a fault', () => {
  it('is its command-line form', () => {
    fc.assert(
      fc.property(fault, (any) => {
        expect(parsed(formatFault(any))).toEqual(any);
      }),
    );
  });

  it('has a line of help for each form', () => {
    for (const form of Object.values(FORMS)) expect(form.help).not.toBe('');
  });
});
