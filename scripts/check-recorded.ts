/**
 * The checker against recorded histories with known verdicts: `npm run check:recorded`.
 *
 * They are beside the checkout (`../shared/histories`, with a `manifest.json`), and are not part of it: where the
 * folder is missing, this reports that and does nothing. A wrong verdict fails the run, and so does UNKNOWN.
 */
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkHistory, readHistory } from '../src/check/index.js';

interface Recorded {
  readonly name: string;
  readonly verdict: boolean;
  readonly init: string | null;
  readonly ops: number;
}

const folder = fileURLToPath(new URL('../../shared/histories', import.meta.url));

async function judge({ name, verdict, init, ops }: Recorded): Promise<string | undefined> {
  const operations = await readHistory(createReadStream(join(folder, `${name}.jsonl`)));
  if (operations.length !== ops) return `${name}: ${operations.length} operations, not ${ops}`;
  const result = checkHistory(operations, { init });
  const expected = verdict ? 'LINEARIZABLE' : 'ILLEGAL';
  const took = `${Math.round(result.tookMs)} ms`;
  console.error(`${result.verdict.padEnd(12)} ${took.padStart(8)}  ${name}`);
  return result.verdict === expected ? undefined : `${name}: ${result.verdict}, but it is ${expected}`;
}

async function main(): Promise<void> {
  if (!existsSync(join(folder, 'manifest.json'))) {
    console.log('skipped: there are no recorded histories at ../shared/histories');
    return;
  }
  const recorded = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Recorded[];
  const startedAt = performance.now();
  const wrong: string[] = [];
  for (const history of recorded) wrong.push(...[await judge(history)].filter((complaint) => complaint !== undefined));
  for (const complaint of wrong) console.log(complaint);
  const illegal = recorded.filter(({ verdict }) => !verdict).length;
  const took = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  console.log(
    `${recorded.length - wrong.length} of ${recorded.length} verdicts right (${illegal} illegal, ${recorded.length - illegal} linearizable), ${took}`,
  );
  // An empty manifest would be a check that cannot fail.
  if (wrong.length > 0 || recorded.length === 0) process.exitCode = 1;
}

await main();
