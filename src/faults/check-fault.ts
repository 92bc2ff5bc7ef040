/**
 * Validates a fault against the size of the cluster, not its present state. Everything is checked before anything is
 * changed.
 */
import { z } from 'zod';
import { FaultRefused, type Fault, type Party } from './fault.js';

export interface ClusterSize {
  readonly nodes: number;
  readonly routers: number;
}

/** Faster than any link here: 10 Gbit/s. */
export const MAX_KBIT_PER_SECOND = 10_000_000;
/** Longer than any timeout of the store. */
export const MAX_DELAY_MS = 60_000;
/** Ten years: every date stays representable. */
export const MAX_STEP_MS = 315_360_000_000;

const number = z.int({ error: 'must be the number of a node, such as 2' }).min(1, { error: 'must be 1 or more' });
const party = z.union([number, z.templateLiteral(['r', z.int().min(1)])], {
  error: 'must be the number of a node, such as 2, or a router, such as r1',
});
const msError = `must be a whole number of milliseconds from 0 to ${MAX_DELAY_MS}`;
const ms = z.int({ error: msError }).min(0, { error: msError }).max(MAX_DELAY_MS, { error: msError });
const stepError = `must be a whole number of milliseconds from -${MAX_STEP_MS} to ${MAX_STEP_MS}`;
const stepMs = z
  .int({ error: stepError })
  .min(-MAX_STEP_MS, { error: stepError })
  .max(MAX_STEP_MS, { error: stepError });
const percentError = 'must be a number from 0 to 100';
const percent = z.number({ error: percentError }).min(0, { error: percentError }).max(100, { error: percentError });
const rateError = `must be a whole number of thousand bits a second from 0 to ${MAX_KBIT_PER_SECOND}`;
const kbitPerSecond = z
  .int({ error: rateError })
  .min(0, { error: rateError })
  .max(MAX_KBIT_PER_SECOND, { error: rateError });
const order = z.array(number).optional();
/**
 * A node with these keeps its other settings at their defaults: an election timeout must be longer than a heartbeat.
 */
export const SETTING_RANGES = { tickMs: [5, 1_000], electionTicks: [3, 1_000] } as const;
const setting = (name: keyof typeof SETTING_RANGES) => {
  const [min, max] = SETTING_RANGES[name];
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).optional();
};
const settings = z
  .strictObject({
    tickMs: setting('tickMs'),
    electionTicks: setting('electionTicks'),
    leaseReads: z.literal(true, { error: 'must be true, or left out' }).optional(),
  })
  .refine((settings) => Object.keys(settings).length > 0, { error: 'must say tickMs, electionTicks or leaseReads' });

/** Faults of a node's folder, or of a process that takes the node's place. */
const FOLDER_FAULTS = ['wipe-disk', 'keep-disk', 'roll-back-disk', 'copy-node', 'stray-node'] as const;

const schema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('partition'),
      sides: z.array(z.array(party).min(1, { error: 'must name somebody' })).min(1, { error: 'must have a side' }),
    }),
    z.strictObject({ type: z.literal('isolate'), node: number }),
    z.strictObject({ type: z.literal('cut'), from: party, to: party }),
    z.strictObject({ type: z.enum(['ring', 'bridge']), order }),
    z.strictObject({ type: z.literal('delay'), a: party, b: party, ms }),
    z.strictObject({ type: z.literal('drop'), a: party, b: party, percent }),
    z.strictObject({ type: z.literal('rate'), a: party, b: party, kbitPerSecond }),
    z.strictObject({ type: z.enum(['kill', 'pause', 'resume', 'restart']), node: number }),
    z.strictObject({ type: z.literal('slow-disk'), node: number, ms }),
    z.strictObject({ type: z.literal('step-clock'), node: number, ms: stepMs }),
    z.strictObject({
      type: z.enum(['hang-disk', 'fill-disk', 'fail-disk', ...FOLDER_FAULTS]),
      node: number,
    }),
    z.strictObject({ type: z.literal('restart-with'), node: number, settings }),
    z.strictObject({ type: z.enum(['mend', 'kill-all', 'heal']) }),
  ],
  { error: 'is no known fault' },
);

/** @throws FaultRefused naming what is wrong */
export function checkFault(input: unknown, size: ClusterSize): Fault {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw new FaultRefused(complaint(parsed.error.issues[0], input));
  const fault = parsed.data as Fault;
  for (const named of partiesOf(fault)) assertExists(named, size);
  switch (fault.type) {
    case 'partition':
      checkSides(fault.sides, size);
      break;
    case 'isolate':
      if (size.nodes < 2) throw new FaultRefused('isolate: a cluster of one node has no link to cut');
      break;
    case 'cut':
      checkLink(fault.type, fault.from, fault.to);
      break;
    case 'delay':
    case 'drop':
    case 'rate':
      checkLink(fault.type, fault.a, fault.b);
      break;
    case 'ring':
    case 'bridge':
      checkOrder(fault.type, fault.order, size.nodes);
      break;
    case 'kill':
    case 'pause':
    case 'resume':
    case 'restart':
    case 'slow-disk':
    case 'step-clock':
    case 'hang-disk':
    case 'fill-disk':
    case 'fail-disk':
    case 'wipe-disk':
    case 'keep-disk':
    case 'roll-back-disk':
    case 'copy-node':
    case 'stray-node':
    case 'restart-with':
    case 'mend':
    case 'kill-all':
    case 'heal':
      break;
  }
  return fault;
}

function partiesOf(fault: Fault): readonly Party[] {
  switch (fault.type) {
    case 'partition':
      return fault.sides.flat();
    case 'cut':
      return [fault.from, fault.to];
    case 'delay':
    case 'drop':
    case 'rate':
      return [fault.a, fault.b];
    case 'ring':
    case 'bridge':
      return fault.order ?? [];
    case 'isolate':
    case 'kill':
    case 'pause':
    case 'resume':
    case 'restart':
    case 'slow-disk':
    case 'step-clock':
    case 'hang-disk':
    case 'fill-disk':
    case 'fail-disk':
    case 'wipe-disk':
    case 'keep-disk':
    case 'roll-back-disk':
    case 'copy-node':
    case 'stray-node':
    case 'restart-with':
      return [fault.node];
    case 'mend':
    case 'kill-all':
    case 'heal':
      return [];
  }
}

function assertExists(named: Party, { nodes, routers }: ClusterSize): void {
  const isNode = typeof named === 'number';
  const number = isNode ? named : Number(named.slice(1));
  if (number <= (isNode ? nodes : routers)) return;
  const there = isNode ? `nodes are 1 to ${nodes}` : `routers are r1 to r${routers}`;
  throw new FaultRefused(`there is no ${isNode ? 'node' : 'router'} ${named}; ${there}`);
}

function checkSides(sides: readonly (readonly Party[])[], { nodes }: ClusterSize): void {
  const seen = new Set<Party>();
  for (const named of sides.flat()) {
    if (seen.has(named)) throw new FaultRefused(`partition: ${named} is named twice`);
    seen.add(named);
  }
  const allNamed = [...seen].filter((named) => typeof named === 'number').length === nodes;
  if (sides.length < 2 && allNamed) {
    throw new FaultRefused('partition: with all nodes on one side nothing is cut; name two sides, such as 1,2/3');
  }
}

/** @param type prefix of the error's message. @throws FaultRefused if there cannot be such a link. */
export function checkLink(type: string, a: Party, b: Party): void {
  if (a === b) throw new FaultRefused(`${type}: ${a} has no link to itself`);
  if (typeof a === 'string' && typeof b === 'string')
    throw new FaultRefused(`${type}: routers have no link with each other`);
}

function checkOrder(type: string, order: readonly number[] | undefined, nodes: number): void {
  if (nodes < 3) throw new FaultRefused(`${type}: needs at least 3 nodes; there are ${nodes}`);
  if (order === undefined) return;
  if (order.length !== nodes || new Set(order).size !== nodes) {
    throw new FaultRefused(`${type}: order must name each node from 1 to ${nodes} once; got ${order.join(',')}`);
  }
}

function complaint(issue: z.core.$ZodIssue | undefined, input: unknown): string {
  if (issue === undefined) return 'is no fault';
  const where = issue.path.join('.');
  const wrong = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  );
  const got = JSON.stringify(wrong) as string | undefined;
  return `${where === '' ? 'the fault' : where} ${issue.message}; got ${got === undefined ? 'nothing' : got.slice(0, 100)}`;
}
