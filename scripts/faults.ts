/**
 * `npm run faults -- COMMAND`: injects faults into a cluster that was started with `npm start -- --faults`, and prints
 * its state.
 *
 * Exit codes: 0 = done; 1 = the cluster could not be reached, or failed; 2 = wrong usage, nothing was changed; 130 = a
 * random schedule was interrupted (and healed).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Command, CommanderError } from 'commander';
import { FaultRefused, type Fault, type FaultControl, type FaultStatus } from '../src/faults/index.js';
import { FORMS, formatFault, parseFault, UsageError, type Request } from './faults/arguments.js';
import { findControl } from './faults/find.js';
import { describeStatus } from './faults/report.js';
import { randomSchedule } from './faults/schedule.js';
import './support/closed-pipe.js';
import { messageOf } from '../src/thrown.js';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
const MAX_SECONDS = 86_400;

interface Options {
  readonly data: string;
  readonly json: boolean;
}

let exitCode = 0;

const program = new Command('npm run faults --')
  .description('Break a cluster that was started with `npm start -- --faults`, and heal it.')
  .option('--data <folder>', 'the data folder of the cluster', '.kvorum')
  .option('--json', 'print one JSON document', false)
  .helpOption('--help', 'show help')
  .addHelpText(
    'after',
    '\nNODE is a number, or leader:7 for the leader of shard 7. A and B are nodes, or routers (r1).',
  )
  .exitOverride()
  .allowExcessArguments(false);

program
  .command('status')
  .description('how the cluster looks now')
  .allowExcessArguments(false)
  .action(async () => {
    const { status } = await findControl(options().data);
    show(undefined, status);
  });

for (const [name, { usage, help }] of Object.entries(FORMS)) {
  program
    .command(name)
    .usage(usage)
    .description(help)
    .argument('[words...]')
    // Otherwise a time of -5ms would be an unknown option. The fault itself rejects other unknown options.
    .allowUnknownOption()
    .action(async (words: string[]) => {
      await one(parseFault([name, ...words]));
    });
}

program
  .command('random')
  .description('faults at random for a while, the same for the same seed; heals at the end, also at Ctrl-C')
  .option('--seed <seed>', 'any text; a fresh one if not said')
  .option('--seconds <n>', `1 to ${MAX_SECONDS}`, '60')
  .allowExcessArguments(false)
  .action(async ({ seed, seconds }: { seed?: string; seconds: string }) => {
    if (!/^[1-9]\d{0,4}$/.test(seconds) || Number(seconds) > MAX_SECONDS) {
      throw new UsageError(`random: --seconds '${seconds}' must be a whole number from 1 to ${MAX_SECONDS}`);
    }
    await random(seed ?? Date.now().toString(36), Number(seconds));
  });

const options = (): Options => program.opts();

function show(fault: Fault | undefined, status: FaultStatus): void {
  if (options().json) console.log(JSON.stringify({ applied: fault ?? null, status }));
  else console.log([...(fault === undefined ? [] : [`did: ${formatFault(fault)}`]), describeStatus(status)].join('\n'));
}

async function one(request: Request): Promise<void> {
  const { control, status } = await findControl(options().data);
  const fault = request((shard) => leaderOf(status, shard));
  await control.apply(fault);
  show(fault, await control.status());
}

function leaderOf({ shards }: FaultStatus, shard: number): number {
  if (shards.length > 0 && shard >= shards.length) {
    throw new UsageError(`leader:${shard}: there is no shard ${shard}; shards are 0 to ${shards.length - 1}`);
  }
  const leader = shards.find((view) => view.shard === shard)?.leader;
  if (leader === null || leader === undefined) throw new Error(`leader:${shard}: shard ${shard} has no leader now`);
  return leader;
}

async function random(seed: string, seconds: number): Promise<void> {
  const { control, status } = await findControl(options().data);
  const steps = randomSchedule({ seed, nodes: status.nodes.length, seconds });
  const interrupted = new AbortController();
  const interrupt = () => {
    interrupted.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const say = options().json ? console.error : console.log;
  say(`seed ${seed}, ${status.nodes.length} nodes, ${seconds} s`);
  const done: { atMs: number; fault: Fault }[] = [];
  const startedAt = performance.now();
  try {
    // Existing faults could contradict the schedule.
    await control.apply({ type: 'heal' });
    for (const step of steps) {
      await pause(startedAt + step.atMs - performance.now(), undefined, { signal: interrupted.signal });
      await control.apply(step.fault);
      done.push(step);
      say(`+${(step.atMs / 1000).toFixed(1).padStart(5)} s  ${formatFault(step.fault)}`);
    }
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    exitCode = EXIT_INTERRUPTED;
  } finally {
    await control.apply({ type: 'heal' });
    say(exitCode === EXIT_INTERRUPTED ? 'interrupted, and healed' : 'healed');
  }
  await report(control, { seed, steps: done });
}

async function report(control: FaultControl, course: object): Promise<void> {
  const status = await control.status();
  console.log(options().json ? JSON.stringify({ ...course, status }) : describeStatus(status));
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its message already; 0 is --help.
    exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  } else {
    const isUsage = error instanceof UsageError || error instanceof FaultRefused;
    console.error(`faults: ${messageOf(error)}`);
    exitCode = isUsage ? EXIT_USAGE : EXIT_FAILED;
  }
}
process.exitCode = exitCode;
