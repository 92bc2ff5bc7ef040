/**
 * Histories made from a seed: what clients of a correct store would have recorded, and what those of a broken one might.
 *
 * A history is made the way it happens: clients call one operation after the other, each takes effect at a moment between
 * its start and its end, and is answered by the value at that moment. Knows nothing of the checker but the format.
 */
import type { Operation } from '../../src/check/index.js';
import { seededRandom } from '../../src/random.js';

export type Random = () => number;

export interface HistoryPlan {
  readonly seed: number;
  readonly operations: number;
  readonly keys: number;
  readonly clients: number;
  /** How often each kind is drawn. */
  readonly mix: Readonly<Partial<Record<Operation['op'], number>>>;
  /** Share of operations whose answer is lost. Half of these take effect, some long after. */
  readonly unknownShare?: number;
  /** Values that are drawn from; without it every value is new. */
  readonly values?: readonly string[];
}

type Value = string | null;
type Draft = { -readonly [Field in keyof Operation]: Operation[Field] } & { start: number; end: number };

/** What the clients of a correct store record. Each client waits for an answer, or gives up, before its next call. */
export function correctHistory(plan: HistoryPlan): Operation[] {
  const random = seededRandom(plan.seed);
  const drafts = drawCalls(plan, random);
  const moments = drafts.map((draft) => {
    const lost = draft.ok === null;
    if (lost && random() < 0.5) return { draft, at: Infinity };
    // What was lost may happen long after the client has given up.
    const late = lost && random() < 0.3 ? 10 * (draft.end - draft.start) : 0;
    return { draft, at: draft.start + random() * (draft.end + late - draft.start) };
  });
  moments.sort((a, b) => a.at - b.at);
  const store = new Map<string, Value>();
  for (const { draft, at } of moments) {
    if (at === Infinity) continue;
    if (draft.op === 'cas' && random() < 0.7) draft.expected = store.get(draft.key) ?? null;
    execute(draft, store);
  }
  return drafts;
}

function drawCalls(plan: HistoryPlan, random: Random): Draft[] {
  const { mix, values, unknownShare = 0 } = plan;
  const kinds = Object.entries(mix) as [Operation['op'], number][];
  const total = kinds.reduce((sum, [, weight]) => sum + weight, 0);
  const clock = new Array<number>(plan.clients).fill(0);
  const drafts: Draft[] = [];
  for (let i = 0; i < plan.operations; i++) {
    const client = i % plan.clients;
    const start = clock[client]! + Math.floor(random() * 100);
    const end = start + 100 + Math.floor(random() * 900);
    clock[client] = end + 1;
    let at = random() * total;
    const [op] = kinds.find(([, weight]) => (at -= weight) < 0)!;
    const value = values === undefined ? `v${i}.` : values[Math.floor(random() * values.length)]!;
    const key = `k${Math.floor(random() * plan.keys)}`;
    const draft: Draft = { client, op, key, ok: random() < unknownShare ? null : true, start, end };
    if (op === 'put' || op === 'append' || op === 'cas') draft.value = value;
    if (op === 'cas')
      draft.expected =
        values === undefined ? `v${Math.floor(random() * (i + 1))}.` : random() < 0.3 ? null : values[0]!;
    drafts.push(draft);
  }
  return drafts;
}

function execute(draft: Draft, store: Map<string, Value>): void {
  const before = store.get(draft.key) ?? null;
  switch (draft.op) {
    case 'get':
      if (draft.ok === true) draft.result = before;
      return;
    case 'put':
      store.set(draft.key, draft.value ?? null);
      return;
    case 'append':
      store.set(draft.key, (before ?? '') + (draft.value ?? ''));
      return;
    case 'delete':
      if (draft.ok === true) draft.existed = before !== null;
      store.set(draft.key, null);
      return;
    case 'cas':
      if (before === draft.expected) store.set(draft.key, draft.value ?? null);
      else if (draft.ok === true)
        Object.assign(draft, { ok: false, ...(before === null ? { existed: false } : { result: before }) });
  }
}
