/** The command line of `npm run bench`: parsed, validated, completed by defaults. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { MOST_CLIENTS, OPERATIONS, parseRow, type Row, SINGLE_OPERATIONS } from './workload.js';
import { UsageError, whole } from '../support/usage.js';
import { messageOf } from '../../src/thrown.js';

export const LOADS = ['auto', 'wrk', 'autocannon', 'node'] as const;
export type LoadChoice = (typeof LOADS)[number];

export const DIMENSIONS = ['shards', 'nodes', 'replicas', 'value', 'keys', 'clients'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export type Mode = 'compare' | 'scale' | 'failover';

/** Rows without a number of clients: each has a cluster of its own. */
export const OWN_ROWS = ['scan', 'expiry'] as const;
export type OwnRow = (typeof OWN_ROWS)[number];

export interface Options {
  readonly mode: Mode;
  /** --scale: what to vary. */
  readonly dimensions: readonly Dimension[];
  /** --scale keys: at most this many. */
  readonly mostKeys: number;
  readonly quick: boolean;
  readonly rows: readonly Row[];
  readonly ownRows: readonly OwnRow[];
  readonly scanKeys: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly nodes: number;
  readonly replicas: number;
  readonly shards: number;
  /** Also measures the embedded store. */
  readonly embedded: boolean;
  /** Also measures the echo and SQLite. */
  readonly compare: boolean;
  readonly etcd: boolean;
  /** The dist/cli.js of another build, measured in turn with this one. */
  readonly base: string | undefined;
  /** The folder of the gRPC client's sources, or the built client. */
  readonly etcdClient: string | undefined;
  readonly kills: number;
  readonly load: LoadChoice;
  readonly dir: string | undefined;
  readonly json: boolean;
  readonly save: boolean;
}

const KILLS = 20;
const FULL_CLIENTS = [1, 64, 256];
/** Those that have limits. */
const MANY_ROWS = ['batch@64', 'txn1@1', 'txn1@64', 'txn2@1', 'txn2@64', 'page@1'];
/** Without lease gets, for which a second cluster would have to be started. */
const QUICK_ROWS = ['put@1', 'get@1', 'put@64', 'get@64', 'mix95@64'];
/** With four targets instead of two, fewer rows fit into the same time. */
const QUICK_ROWS_BESIDE_ETCD = ['put@64', 'get@64'];

interface Chosen {
  readonly rows: readonly Row[];
  readonly ownRows: readonly OwnRow[];
}

const isOwnRow = (name: string): name is OwnRow => OWN_ROWS.some((own) => own === name);

function rows(text: string): Chosen {
  const names = text.split(',');
  try {
    const own = names.filter(isOwnRow);
    return { rows: names.filter((name) => !isOwnRow(name)).map(parseRow), ownRows: own };
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function folder(text: string): string {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory() === true) return text;
  throw new InvalidArgumentError('It must be a folder that exists.');
}

function checkout(text: string): string {
  const cli = join(resolve(text), 'dist', 'cli.js');
  if (existsSync(cli)) return cli;
  throw new InvalidArgumentError('It must be a checkout that was built: dist/cli.js is missing there.');
}

function existing(text: string): string {
  if (existsSync(text)) return text;
  throw new InvalidArgumentError('There is no such file or folder.');
}

function dimensions(text: string): Dimension[] {
  return text.split(',').map((name) => {
    const found = DIMENSIONS.find((known) => known === name);
    if (found === undefined) throw new InvalidArgumentError(`It must be some of ${DIMENSIONS.join(', ')}.`);
    return found;
  });
}

function command(): Command {
  const row = `OPERATION@CLIENTS, parted by commas: ${OPERATIONS.join(', ')}; 1 to ${MOST_CLIENTS} clients; ${OWN_ROWS.join(', ')}`;
  return new Command('npm run bench --')
    .description('measures a cluster of its own, beside ceilings and other stores, in turn in one run')
    .option('--quick', 'few rows and short rounds, under 90 seconds')
    .option('--rows <list>', row, rows)
    .option('--seconds <n>', 'of each round (default 8, --scale 4, quick 2)', whole(1, 3_600))
    .option('--rounds <n>', 'of each row, medians of which are shown (default 3, --scale and quick 2)', whole(1, 99))
    .option('--no-compare', 'Kvorum alone: no echo, no SQLite writer')
    .addOption(new Option('--vs <store>', 'also this store').choices(['etcd']))
    .option('--base <folder>', 'also another build: a built checkout of an earlier commit', checkout)
    .option(
      '--etcd-client <path>',
      'folder with the sources of the gRPC client, or the client (or KVORUM_BENCH_ETCD; default: ours)',
      existing,
    )
    .option('--scale [list]', `how cost grows with ${DIMENSIONS.join(', ')}, or some of them`, dimensions)
    .option('--most-keys <n>', '--scale keys: at most so many', whole(10_000, 5_000_000), 5_000_000)
    .option('--failover', 'time without service after kill -9 of leaders')
    .option('--kills <n>', `--failover: how many (default ${KILLS})`, whole(1, 1_000))
    .option('--scan-keys <n>', 'keys of the row scan', whole(1_000, 10_000_000), 1_000_000)
    .option('--keys <n>', 'keys', whole(1, 10_000_000), 10_000)
    .option('--value-bytes <n>', 'length of each value', whole(1, 1_048_576), 256)
    .option('--nodes <n>', 'nodes', whole(1, 9), 3)
    .option('--replicas <n>', 'copies of each shard (default 3, or all nodes if fewer)', whole(1, 9))
    .option('--shards <n>', 'shards', whole(1, 1_024), 16)
    .addOption(new Option('--load <name>', 'what makes the load').choices(LOADS).default('auto'))
    .option('--dir <folder>', 'where data is kept during the run (default: the folder for temporary files)', folder)
    .option('--json', 'one JSON document on standard output', false)
    .option('--save', 'keep the result in bench/results, and the chart in bench/latest.svg', false)
    .helpOption('--help', 'show help')
    .allowExcessArguments(false)
    .exitOverride();
}

interface Given {
  readonly quick?: true;
  readonly rows?: Chosen;
  readonly seconds?: number;
  readonly rounds?: number;
  readonly compare: boolean;
  readonly vs?: 'etcd';
  readonly base?: string;
  readonly etcdClient?: string;
  readonly scale?: true | readonly Dimension[];
  readonly failover?: true;
  readonly kills?: number;
  readonly replicas?: number;
  readonly dir?: string;
}

type Plain = Pick<
  Options,
  'mostKeys' | 'scanKeys' | 'keys' | 'valueBytes' | 'nodes' | 'shards' | 'load' | 'json' | 'save'
>;

/** @throws UsageError */
export function parseOptions(argv: readonly string[]): Options {
  const program = command();
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    // Commander has printed it already.
    if (error instanceof CommanderError) throw new UsageError('', error.exitCode === 0 ? 0 : 2);
    throw error;
  }
  const { scale, vs, failover, compare, ...given } = program.opts<Given & Plain>();
  checkTogether({ ...given, scale, vs, failover, compare }, (name) => program.getOptionValueSource(name) === 'cli');
  const quick = given.quick === true;
  const etcd = vs === 'etcd';
  // Some twenty clusters and five million keys: with the default rounds it would take three quarters of an hour.
  const scaling = scale !== undefined;
  return {
    ...given,
    mode: scaling ? 'scale' : failover === true ? 'failover' : 'compare',
    dimensions: !scaling || scale === true ? DIMENSIONS : scale,
    quick,
    ...(given.rows ?? (quick ? quickRows(etcd) : { rows: fullRows(), ownRows: OWN_ROWS })),
    seconds: given.seconds ?? (quick ? 2 : scaling ? 4 : 8),
    rounds: given.rounds ?? (quick || scaling ? 2 : 3),
    replicas: given.replicas ?? Math.min(3, given.nodes),
    embedded: !quick && given.rows === undefined && compare,
    compare,
    etcd,
    base: given.base,
    etcdClient: given.etcdClient,
    kills: given.kills ?? KILLS,
    dir: given.dir,
  };
}

const quickRows = (etcd: boolean): Chosen => ({
  rows: (etcd ? QUICK_ROWS_BESIDE_ETCD : QUICK_ROWS).map(parseRow),
  ownRows: [],
});

const fullRows = (): Row[] => [
  ...SINGLE_OPERATIONS.flatMap((operation) => FULL_CLIENTS.map((clients) => ({ operation, clients }))),
  ...MANY_ROWS.map(parseRow),
];

function checkTogether(options: Given & Plain, isGiven: (name: string) => boolean): void {
  const { replicas, nodes, scale, failover, vs, compare } = options;
  if (replicas !== undefined && replicas > nodes) {
    throw new UsageError(`--replicas ${replicas} is more than --nodes ${nodes}`);
  }
  if (scale !== undefined && failover === true) throw new UsageError('--scale and --failover are two runs: choose one');
  const other = scale !== undefined ? '--scale' : failover === true ? '--failover' : undefined;
  const comparing = ['rows', 'vs', 'quick', 'base'].find(isGiven);
  if (other !== undefined && comparing !== undefined)
    throw new UsageError(`--${comparing} has no effect with ${other}`);
  if (vs !== undefined && !compare) throw new UsageError('--vs and --no-compare contradict each other');
  if (isGiven('kills') && failover !== true) throw new UsageError('--kills needs --failover');
  if (isGiven('scanKeys') && options.rows?.ownRows.includes('scan') !== true) {
    throw new UsageError('--scan-keys needs --rows with scan');
  }
  if (failover === true && nodes < 3) throw new UsageError(`--failover needs --nodes 3 or more, not ${nodes}`);
  const partly = ['quick', 'rows', 'compare'].find(isGiven);
  if (options.save && partly !== undefined) {
    const option = partly === 'compare' ? 'no-compare' : partly;
    throw new UsageError(`--save keeps full runs only, without --${option}`);
  }
}
