/**
 * The worst kind of cycle in a small history of transactions, and the length of a shortest one, by enumerating all.
 *
 * The edges are those of Adya's definitions, pair by pair, without auxiliary nodes. Shares no code with src/check.
 */
import type { TransactionRecord } from '../../../src/check/index.js';

type Key = number | string;
interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: 'ww' | 'wr' | 'rw' | 'rt';
  /** An `rw` edge to an append that nobody read. */
  readonly unread?: Key;
}

const RANKS = [
  ...['G0', 'G1c', 'G-single', 'G2'],
  ...['G0-realtime', 'G1c-realtime', 'lost-append', 'G-single-realtime', 'G2-realtime'],
];

export function worstCycle(history: readonly TransactionRecord[]): { anomaly: string; length: number } | undefined {
  const edges = edgesOf(history);
  let worst: { anomaly: string; length: number } | undefined;
  const visit = (path: readonly Edge[], first: number): void => {
    const at = path.at(-1)?.to ?? first;
    if (path.length > 0 && at === first) {
      const anomaly = nameOf(path);
      const better = worst === undefined ? -1 : RANKS.indexOf(anomaly) - RANKS.indexOf(worst.anomaly);
      if (better < 0 || (better === 0 && path.length < worst!.length)) worst = { anomaly, length: path.length };
      return;
    }
    for (const edge of edges) {
      if (edge.from !== at || edge.to < first || path.some(({ from }) => from === edge.to && from !== first)) continue;
      visit([...path, edge], first);
    }
  };
  for (const first of history.keys()) visit([], first);
  return worst;
}

function nameOf(path: readonly Edge[]): string {
  const missed = path.filter(({ kind }) => kind === 'rw');
  const realTime = path.some(({ kind }) => kind === 'rt');
  const [one, two] = missed;
  const lostUpdate = path.length === 2 && one?.unread !== undefined && one.unread === two?.unread;
  if (missed.length === 1 && path.length === 2 && realTime && one?.unread !== undefined) return 'lost-append';
  const reads = path.some(({ kind }) => kind === 'wr');
  const name = lostUpdate || missed.length === 1 ? 'G-single' : missed.length > 1 ? 'G2' : reads ? 'G1c' : 'G0';
  return realTime ? `${name}-realtime` : name;
}

function edgesOf(history: readonly TransactionRecord[]): Edge[] {
  const happened = happenedOf(history);
  const edges: Edge[] = [];
  for (const from of happened) {
    const { ok, end } = history[from]!;
    for (const to of happened) if (ok === true && end < history[to]!.start) edges.push({ from, to, kind: 'rt' });
  }
  for (const key of new Set(history.flatMap(({ ops }) => ops.map(([, key]) => key)))) {
    edges.push(...edgesOfKey(history, happened, key));
  }
  return edges.filter(({ from, to }) => from !== to);
}

function happenedOf(history: readonly TransactionRecord[]): number[] {
  const happened = new Set([...history.keys()].filter((i) => history[i]!.ok === true));
  for (let size = -1; size !== happened.size;) {
    size = happened.size;
    for (const reader of [...happened]) {
      for (const [op, key, list] of history[reader]!.ops) {
        for (const element of op === 'r' ? (list ?? []) : []) {
          const writer = writerOf(history, key, element);
          if (writer !== undefined) happened.add(writer);
        }
      }
    }
  }
  return [...happened];
}

function writerOf(history: readonly TransactionRecord[], key: Key, element: Key): number | undefined {
  const writer = history.findIndex(
    ({ ok, ops }) => ok !== false && ops.some(([op, of, value]) => op === 'append' && of === key && value === element),
  );
  return writer < 0 ? undefined : writer;
}

interface View {
  readonly reader: number;
  readonly list: readonly Key[];
  readonly before: readonly Key[];
}

function edgesOfKey(history: readonly TransactionRecord[], happened: readonly number[], key: Key): Edge[] {
  const views = happened.flatMap((reader) => viewOf(history[reader]!, reader, key));
  const longest = views.reduce<readonly Key[]>((best, { list }) => (list.length > best.length ? list : best), []);
  const beginsWell = views.every(({ list }) => list.every((element, i) => element === longest[i]));
  if (!beginsWell || new Set(longest).size !== longest.length) return [];
  const order = longest.filter((element) => writerOf(history, key, element) !== undefined);
  const writer = (element: Key): number => writerOf(history, key, element)!;
  const appended = happened.flatMap((i) =>
    history[i]!.ops.flatMap(([op, of, value]) => (op === 'append' && of === key ? [value] : [])),
  );
  const unread = new Set(appended.filter((element) => !longest.includes(element)).map(writer));
  const edges: Edge[] = [];
  for (const [i, element] of order.entries()) {
    const after = order[i + 1] === undefined ? unread : [writer(order[i + 1]!)];
    for (const to of after) edges.push({ from: writer(element), to, kind: 'ww' });
  }
  for (const { reader, before } of views) {
    const seen = before.filter((element) => order.includes(element));
    if (seen.length > 0) edges.push({ from: writer(seen.at(-1)!), to: reader, kind: 'wr' });
    const next = order[seen.length];
    if (next !== undefined) edges.push({ from: reader, to: writer(next), kind: 'rw' });
    else for (const to of unread) edges.push({ from: reader, to, kind: 'rw', unread: key });
  }
  return edges;
}

/** What a transaction read of a key before its own appends; nothing if it did not read it, or contradicts itself. */
function viewOf({ ops }: TransactionRecord, reader: number, key: Key): View[] {
  const own: Key[] = [];
  let view: View | undefined;
  for (const [op, of, value] of ops) {
    if (of !== key) continue;
    if (op === 'append') own.push(value);
    else if (value !== null && value !== undefined) {
      const before = value.slice(0, Math.max(0, value.length - own.length));
      const tail = value.slice(before.length);
      if (tail.join() !== own.join() || (view !== undefined && view.before.join() !== before.join())) return [];
      view = { reader, list: value, before };
    }
  }
  return view === undefined ? [] : [view];
}
