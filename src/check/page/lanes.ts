/** Rows of a chart: a lane per client, more where its operations overlap. Computes numbers only, no markup. */

/** From when to when something is drawn, in any unit. */
export interface Span {
  readonly client: number | string;
  readonly from: number;
  readonly to: number;
}

export interface Lanes {
  /** Labels of the rows; a client with concurrent operations has more than one row. */
  readonly rows: readonly string[];
  /** By span: its row, from 0. */
  readonly rowOf: readonly number[];
}

/**
 * Rows by client, each split where its operations overlap.
 *
 * @param shortest the least that is drawn, in the unit of the spans.
 */
export function packLanes(spans: readonly Span[], shortest: number): Lanes {
  const byClient = new Map<number | string, number[]>();
  for (const [index, { client }] of spans.entries()) {
    const same = byClient.get(client);
    if (same === undefined) byClient.set(client, [index]);
    else same.push(index);
  }
  const clients = [...byClient].sort(([a], [b]) => compareClients(a, b));
  const rows: string[] = [];
  const rowOf = new Array<number>(spans.length).fill(0);
  for (const [client, indexes] of clients) {
    const busyUntil: number[] = [];
    const first = rows.length;
    indexes.sort((a, b) => (spans[a]?.from ?? 0) - (spans[b]?.from ?? 0));
    for (const index of indexes) {
      const { from = 0, to = 0 } = spans[index] ?? {};
      const free = busyUntil.findIndex((until) => until <= from);
      const row = free < 0 ? busyUntil.length : free;
      busyUntil[row] = Math.max(to, from + shortest);
      rowOf[index] = first + row;
    }
    for (const row of busyUntil.keys()) rows.push(row === 0 ? `client ${String(client)}` : '');
  }
  return { rows, rowOf };
}

function compareClients(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}
