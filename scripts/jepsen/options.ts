/** The command line of `npm run jepsen`: parsed, validated, completed by defaults. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import {
  cannotBeDone,
  fitsNodes,
  leastNodes,
  parseKinds,
  GROUPS,
  KINDS,
  PROXY_KINDS,
  SUPERVISOR_KINDS,
  type FaultKind,
} from './kinds.js';
import { leastMs } from './schedule.js';
import { WORKLOADS, type WorkloadName } from './workloads/index.js';
import { UsageError, whole } from '../support/usage.js';
import { messageOf } from '../../src/thrown.js';

export interface Options {
  readonly nodes: number;
  readonly replicas: number;
  readonly routers: number;
  readonly shards: number;
  readonly seconds: number;
  readonly kinds: readonly FaultKind[];
  readonly workload: WorkloadName;
  readonly clients: number;
  /** Operations per second of one client. */
  readonly rate: number;
  readonly operationsPerKey: number;
  readonly seed: string;
  /** Where the history is written; undefined: it is deleted after a run that passes. */
  readonly history: string | undefined;
  readonly json: boolean;
  readonly netns: boolean;
  /** The folder with logs and data is kept, also after a run that passes. */
  readonly keep: boolean;
  readonly checkTimeoutSeconds: number;
}

function kinds(text: string): FaultKind[] {
  try {
    return parseKinds(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function workload(text: string): WorkloadName {
  const found = WORKLOADS.find((name) => name === text);
  if (found === undefined) throw new InvalidArgumentError(`It must be one of ${WORKLOADS.join(', ')}.`);
  return found;
}

function command(): Command {
  return new Command('npm run jepsen --')
    .description('drive a cluster of real processes, hurt it, heal it, and have the checker judge what clients saw')
    .option('--nodes <n>', 'node processes', whole(1, 9), 5)
    .option('--replicas <n>', 'copies of each shard', whole(1, 9), 3)
    .option('--routers <n>', 'routers', whole(1, 9), 2)
    .option('--shards <n>', 'shards', whole(1, 1024), 4)
    .option('--seconds <n>', 'load with faults; healing and reading back come on top', whole(1, 86_400), 60)
    .option('--faults <list>', `kinds, or groups of them: ${[...Object.keys(GROUPS), ...KINDS].join(', ')}`, kinds, [
      ...KINDS,
    ])
    .option('--workload <name>', WORKLOADS.join(', '), workload, 'register' as WorkloadName)
    .option('--clients <n>', 'clients, each with one operation at a time', whole(1, 500), 20)
    .option('--rate <n>', 'operations of a client in a second, at most', whole(1, 10_000), 20)
    .option('--operations-per-key <n>', 'then a key is replaced by another one', whole(20, 1_000), 800)
    .option('--seed <text>', 'draws plan and operations; by default a new one')
    .option('--history <file>', 'where the history goes (JSON lines, for `kvorum check`)')
    .option('--check-timeout <seconds>', 'for the checker', whole(1, 86_400), 120)
    .option('--keep', 'keep the folder with logs and data, also if all is well')
    .option('--netns', 'each node in a network namespace of its own (Linux, root)')
    .option('--json', 'one JSON document on standard output')
    .helpOption('--help', 'show help')
    .allowExcessArguments(false)
    .exitOverride();
}

/** @throws UsageError */
export function parseOptions(argv: readonly string[], freshSeed: () => string): Options {
  const program = command();
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    // Commander has printed it already.
    if (error instanceof CommanderError) throw new UsageError('', error.exitCode === 0 ? 0 : 2);
    throw error;
  }
  const { faults, checkTimeout, seed, ...rest } = program.opts<{
    readonly faults: readonly FaultKind[];
    readonly checkTimeout: number;
    readonly seed?: string;
  }>();
  const defaults = { history: undefined, json: false, netns: false, keep: false };
  const options = {
    ...defaults,
    ...(rest as Omit<Options, 'kinds' | 'checkTimeoutSeconds' | 'seed'>),
    kinds: faults,
    checkTimeoutSeconds: checkTimeout,
    seed: seed ?? freshSeed(),
  };
  checkTogether(options, program.getOptionValueSource('faults') === 'default');
  return options;
}

function checkTogether({ nodes, replicas, kinds: wanted, seconds, netns }: Options, byDefault: boolean): void {
  if (replicas > nodes) throw new UsageError(`--replicas ${replicas} is more than --nodes ${nodes}`);
  const unfit = wanted.find((kind) => !fitsNodes(kind, nodes));
  if (unfit !== undefined) {
    throw new UsageError(`--faults ${unfit} needs at least --nodes ${leastNodes(unfit)}, not ${nodes}`);
  }
  const what = wanted.join(', ');
  if (netns && wanted.every((kind) => PROXY_KINDS.includes(kind))) {
    throw new UsageError(
      `--netns cannot do --faults ${what}: it only cuts links; ask for others, or leave --netns out`,
    );
  }
  if (netns && wanted.every((kind) => [...PROXY_KINDS, ...SUPERVISOR_KINDS].includes(kind))) {
    throw new UsageError(
      `--netns cannot do --faults ${what}: it starts one process for each node; ask for others, or leave --netns out`,
    );
  }
  const [why] = cannotBeDone({ kinds: wanted, replicas }).values();
  if (why !== undefined && wanted.every((kind) => cannotBeDone({ kinds: [kind], replicas }).size > 0)) {
    throw new UsageError(`--faults ${what} cannot be done: ${why}`);
  }
  const least = Math.ceil(leastMs(wanted) / 1_000);
  if (seconds < least) {
    const kindsNamed = byDefault ? 'all kinds of faults' : `these ${wanted.length} kinds of faults`;
    throw new UsageError(`--seconds ${seconds} is too short for ${kindsNamed}: they need at least ${least}`);
  }
}
