/**
 * How long the checkers take for histories by 20 clients: 100,000 operations over 50 keys, and 100,000 transactions over
 * lists: `npm run bench:check`.
 *
 * The histories are generated first, with all kinds of operations, and once more with lost answers; then each is read from
 * a file and judged, as `kvorum check` does it. Times depend on this machine and on its other load.
 */
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkHistory,
  checkTransactions,
  formatOperation,
  formatTransaction,
  readHistory,
  readTransactions,
} from '../src/check/index.js';
import { correctHistory } from '../test/support/histories.js';
import { correctTransactions } from '../test/support/transactions.js';
import { table } from './support/table.js';

const mix = { put: 3, get: 5, cas: 1, delete: 0.5, append: 2 };
const LEGAL = ['LINEARIZABLE', 'STRICTLY SERIALIZABLE'];
const folder = mkdtempSync(join(tmpdir(), 'kvorum-check-'));
const file = join(folder, 'history.jsonl');
const rows: string[][] = [];

interface Judged {
  readonly verdict: string;
  readonly unknown: number;
  readonly tookMs: number;
}

async function measure<Line>(
  lines: readonly string[],
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<Line[]>,
  judge: (history: Line[]) => Judged,
): Promise<void> {
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const history = await read(createReadStream(file));
  const readMs = performance.now() - startedAt;
  const { verdict, unknown, tookMs } = judge(history);
  const cpu = process.cpuUsage(cpuBefore);
  const cpuMs = (cpu.user + cpu.system) / 1000;
  const numbers = [history.length, unknown, readMs, tookMs, readMs + tookMs, cpuMs];
  rows.push([verdict, ...numbers.map((n) => n.toFixed(0))]);
  if (!LEGAL.includes(verdict)) process.exitCode = 1;
}

try {
  for (const unknownShare of [0, 0.05]) {
    const made = correctHistory({ seed: 1, operations: 100_000, keys: 50, clients: 20, mix, unknownShare });
    await measure(made.map(formatOperation), readHistory, checkHistory);
  }
  for (const unknownShare of [0, 0.05]) {
    const plan = { seed: 1, transactions: 100_000, clients: 20, keys: 10, operations: 4, length: 50, unknownShare };
    await measure(correctTransactions(plan).map(formatTransaction), readTransactions, checkTransactions);
  }
  console.log(table(['verdict', 'lines', 'unknown', 'read ms', 'check ms', 'both ms', 'CPU ms'], rows));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
