/**
 * `npm run compat`: a cluster of the build before protocol version 2 is restarted, process by process and under load,
 * into this build, and its history is judged by the linearizability checker. `--help` lists the options. It runs the
 * build in dist/, which npm makes first; the former build is taken from git.
 *
 * Exit codes: 0 = passed; 1 = failed; 2 = wrong usage.
 */
import { Command } from 'commander';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFormer, LAST_OF_VERSION_1 } from './compat/former-build.js';
import { runCompat } from './compat/run.js';
import { whole } from './support/usage.js';
import './support/closed-pipe.js';

const command = new Command('compat')
  .option('--commit <hash>', 'the former build', LAST_OF_VERSION_1)
  .option('--former <cli.js>', 'the former build, if it is built already')
  .option('--shards <n>', 'number of shards', whole(1, 256), 8)
  .option('--clients <n>', 'clients at the same time', whole(1, 64), 8)
  .option('--rate <n>', 'operations a second of one client', whole(1, 1000), 20)
  .option('--calm <s>', 'seconds between two restarts', whole(1, 600), 5)
  .option('--seed <text>', 'of the load', randomBytes(4).toString('hex'))
  .exitOverride()
  .configureOutput({ writeErr: (text) => process.stderr.write(text) });

interface Options {
  readonly commit: string;
  readonly former?: string;
  readonly shards: number;
  readonly clients: number;
  readonly rate: number;
  readonly calm: number;
  readonly seed: string;
}

const startedAt = performance.now();
const say = (text: string): void => {
  console.error(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7)}  ${text}`);
};

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    command.parse();
  } catch (error) {
    return (error as { exitCode?: number }).exitCode === 0 ? 0 : 2;
  }
  const options = command.opts<Options>();
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-compat-'));
  if (options.former === undefined) say(`building ${options.commit}`);
  const former = options.former ?? buildFormer(options.commit, join(folder, 'former'));
  const present = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const { verdict, operations, ok, failures } = await runCompat({
    ...{ folder: data, former, present, say, calmSeconds: options.calm },
    ...{ shards: options.shards, clients: options.clients, rate: options.rate, seed: options.seed },
  });
  console.log(
    `${verdict}${failures.length === 0 ? '' : ' FAILED'}: ${operations} operations, ${ok} ok, seed ${options.seed}`,
  );
  for (const failure of failures) console.log(`FAILED  ${failure}`);
  if (failures.length === 0) rmSync(folder, { recursive: true, force: true });
  else say(`kept ${folder}`);
  return failures.length === 0 ? 0 : 1;
}
