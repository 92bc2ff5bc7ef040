/** A cycle in words: each edge says what one transaction did that must come before what the next one did. */
import { formatDuration, timeSince } from '../time.js';
import { NONE, type Elements } from './elements.js';
import { Kind } from './graph.js';
import type { Step } from './steps.js';
import { formatList, formatScalar, nameOf, type Scalar, type TransactionRecord } from './transaction.js';
import type { Versions } from './versions.js';

/** One edge of a cycle: `from` comes before `to` in every order that explains what was read. */
export interface CycleEdge {
  /** Indexes of transactions. */
  readonly from: number;
  readonly to: number;
  readonly kind: 'ww' | 'wr' | 'rw' | 'real time';
  /** What it is about; absent for real time. */
  readonly key?: Scalar;
  readonly element?: Scalar;
  readonly text: string;
}

/** What was inferred from a history. */
export interface Inferred {
  readonly transactions: readonly TransactionRecord[];
  readonly elements: Elements;
  /** By key. */
  readonly versions: readonly (Versions | undefined)[];
}

export function explainStep(step: Step, inferred: Inferred): CycleEdge {
  const { from, to, kind, element: id } = step;
  if (kind === Kind.realTime) return { from, to, kind: 'real time', text: realTime(step, inferred) };
  const { elements } = inferred;
  const [key, element] = [elements.keys[elements.keyOf[id] ?? NONE] ?? '', elements.valueOf[id] ?? ''];
  const name = kind === Kind.ww ? 'ww' : kind === Kind.wr ? 'wr' : 'rw';
  const words = { ww: appends, wr: reads, rw: misses }[name];
  return { from, to, kind: name, key, element, text: words(step, inferred, formatScalar(key), formatScalar(element)) };
}

function realTime({ from, to }: Step, { transactions }: Inferred): string {
  const gap = timeSince(transactions[from]?.end ?? 0, transactions[to]?.start ?? 0);
  return `${nameOf(from)} had ended when ${nameOf(to)} started, ${formatDuration(gap)} later`;
}

function appends({ from, to, element: id }: Step, inferred: Inferred, key: string, element: string): string {
  const { elements, versions } = inferred;
  const order = versions[elements.keyOf[id] ?? NONE]?.order ?? [];
  const place = order.indexOf(id);
  const earlier = order.slice(0, place === -1 ? order.length : place);
  const own = earlier.findLast((one) => elements.writerOf[one] === from);
  const before = formatScalar(elements.valueOf[own ?? NONE] ?? '');
  const why = place === -1 ? `, which was never read although ${before} was` : ', in the order in which they were read';
  return `${nameOf(from)} appended ${before} to ${key} before ${nameOf(to)} appended ${element}${why}`;
}

function reads({ from, to }: Step, _: Inferred, key: string, element: string): string {
  return `${nameOf(from)} appended ${element} to ${key}, which ${nameOf(to)} read`;
}

function misses({ from, to, element: id }: Step, inferred: Inferred, key: string, element: string): string {
  const observations = inferred.versions[inferred.elements.keyOf[id] ?? NONE]?.observations ?? [];
  const { list = [], before = 0 } = observations.find(({ transaction }) => transaction === from) ?? {};
  return `${nameOf(from)} read ${key} as ${formatList(list.slice(0, before))}, without ${element}, which ${nameOf(to)} appended`;
}
