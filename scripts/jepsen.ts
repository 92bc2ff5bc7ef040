/**
 * `npm run jepsen -- --nodes 5 --seconds 60 --faults partition,kill,pause --workload register`: runs a cluster of real
 * processes under load and faults; the linearizability checker judges its history. `--help` lists the options. It runs
 * the build in dist/, which npm makes first.
 *
 * Exit codes: 0 = passed; 1 = failed, or the run showed too little; 2 = wrong usage, nothing was done; 130 =
 * interrupted.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startNetnsScene } from './jepsen/netns-scene.js';
import { parseOptions, type Options } from './jepsen/options.js';
import { startProcessScene } from './jepsen/process-scene.js';
import { run, type RunResult } from './jepsen/run.js';
import type { Report } from './jepsen/report.js';
import { summary } from './jepsen/summary.js';
import { checkArguments } from './jepsen/workloads/index.js';
import { whatIsMissing } from './netns/namespaces.js';
import { UsageError } from './support/usage.js';
import './support/closed-pipe.js';

const EXIT_FAILED = 1;
const EXIT_STOPPED = 130;

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const startedAt = performance.now();
const say = (text: string): void => {
  console.error(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7)}  ${text}`);
};

process.exitCode = await main(process.argv.slice(2)).catch(refused);

function refused(error: unknown): number {
  if (!(error instanceof UsageError)) throw error;
  if (error.message !== '') console.error(`jepsen: ${error.message}`);
  return error.exitCode;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv, () => randomBytes(4).toString('hex'));
  const missing = options.netns ? whatIsMissing() : undefined;
  if (missing !== undefined) return skipped(missing, options);
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    say(`${signal}: healing and stopping`);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const result = await run(options, {
    startScene: options.netns ? startNetnsScene : startProcessScene,
    say,
    signal: stop.signal,
    onJudging: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  });
  const { report, folder } = result;
  if (report === undefined) {
    rmSync(folder, { recursive: true, force: true });
    return EXIT_STOPPED;
  }
  if (options.json) console.log(JSON.stringify(document(options, result, report)));
  else console.log(summary(options, report));
  if (report.passed && !options.keep) rmSync(folder, { recursive: true, force: true });
  else await printEvidence(result, options);
  return report.passed ? 0 : EXIT_FAILED;
}

function skipped(missing: string, { json }: Options): number {
  if (json) console.log(JSON.stringify({ skipped: `--netns needs ${missing}` }));
  console.error(`jepsen: skipped: --netns needs ${missing}`);
  return 0;
}

function document(options: Options, { folder, historyPath }: RunResult, report: Report): object {
  const kept = report.passed && !options.keep ? {} : { folder, history: historyPath };
  return { ...report, options, ...kept };
}

/** Prints where the evidence is (logs, data, history, an HTML page), and the command that judges it again. */
async function printEvidence({ folder, historyPath }: RunResult, { seed, workload }: Options): Promise<void> {
  const page = join(folder, 'history.html');
  const check = ['check', ...checkArguments(workload), historyPath, '--html', page];
  // `kvorum check` exits with the verdict, which is known; only its page is wanted here.
  await promisify(execFile)(process.execPath, [at('dist/cli.js'), ...check]).catch(() => undefined);
  say(`kept ${folder}: cluster.log, data, history.jsonl, history.html`);
  say(`judge it again: npx kvorum ${check.join(' ')}`);
  say(`same plan and random choices: --seed ${seed}`);
}
