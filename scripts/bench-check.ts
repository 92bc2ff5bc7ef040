/**
 * How long the checker takes for a history of 100,000 operations over 50 keys by 20 clients: `npm run bench:check`.
 *
 * The history is generated first, with all kinds of operations, and once more with lost answers; then it is read from a
 * file and judged, as `kvorum check` does it. Times depend on this machine and on its other load.
 */
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkHistory, formatOperation, readHistory } from '../src/check/index.js';
import { correctHistory } from '../test/support/histories.js';
import { table } from './support/table.js';

const mix = { put: 3, get: 5, cas: 1, delete: 0.5, append: 2 };
const folder = mkdtempSync(join(tmpdir(), 'kvorum-check-'));
try {
  const rows: string[][] = [];
  for (const unknownShare of [0, 0.05]) {
    const file = join(folder, 'history.jsonl');
    const made = correctHistory({ seed: 1, operations: 100_000, keys: 50, clients: 20, mix, unknownShare });
    writeFileSync(file, made.map((operation) => `${formatOperation(operation)}\n`).join(''));
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const operations = await readHistory(createReadStream(file));
    const readMs = performance.now() - startedAt;
    const { verdict, tookMs, unknown, steps } = checkHistory(operations);
    const cpu = process.cpuUsage(cpuBefore);
    const cpuMs = (cpu.user + cpu.system) / 1000;
    rows.push([
      verdict,
      ...[operations.length, unknown, steps, readMs, tookMs, readMs + tookMs, cpuMs].map((n) => n.toFixed(0)),
    ]);
    if (verdict !== 'LINEARIZABLE') process.exitCode = 1;
  }
  console.log(table(['verdict', 'operations', 'unknown', 'steps', 'read ms', 'check ms', 'both ms', 'CPU ms'], rows));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
