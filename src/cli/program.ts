/**
 * The command line: `kvorum start | node | router | check | sim`, `--help`, `--version`. Flags come from the table of
 * settings, except those of `check`.
 *
 * Exit codes: 0 = success; 1 = failure; 2 = wrong usage, nothing was done. `check` has its own (`check-command.ts`).
 */
import { Command, CommanderError, Option } from 'commander';
import {
  ConfigError,
  environmentName,
  flagName,
  nodeConfig,
  nodeSettings,
  routerConfig,
  routerSettings,
  simConfig,
  simSettings,
  startConfig,
  startSettings,
  type Settings,
} from '../config/index.js';
import { whyTooFewDescriptors } from '../few-descriptors.js';
import { version } from '../version.js';
import { NotChecked, addCheck } from './check-command.js';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

type Flags = Readonly<Record<string, unknown>>;

/** @param argv what follows the program's name. @param script path of this program, to start node processes with. */
export async function run(argv: readonly string[], script: string): Promise<number> {
  let exitCode = 0;
  const act = (action: (flags: Flags) => Promise<number>) => async (flags: Flags) => {
    exitCode = await action(flags);
  };
  const program = new Command('kvorum')
    .description('A sharded, Raft-replicated key-value store.')
    .version(version, '--version', 'print the version and exit')
    .helpOption('--help', 'show help')
    .exitOverride()
    .showHelpAfterError('(say --help for all options)');
  addStart(program).action(act((flags) => start(flags, script)));
  addNode(program).action(act(node));
  addRouter(program).action(act(router));
  addCheck(program, (code) => (exitCode = code));
  addSim(program).action(act((flags) => sim(flags, script)));
  // Internal: `kvorum sim` starts its workers with it.
  program.command('sim-worker', { hidden: true }).action(act(simWorker));
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    return exitCodeOf(error);
  }
  return exitCode;
}

// Loading the rooms takes a while: the flags are validated first, and --help does not wait for them at all.

async function start(flags: Flags, script: string): Promise<number> {
  const config = startConfig(flags);
  const { superviseCluster } = await import('./supervisor.js');
  return superviseCluster(config, script);
}

const node = (flags: Flags): Promise<number> =>
  withSources(flags, nodeConfig, async (config) => (await import('./run.js')).runNode(config));

const router = (flags: Flags): Promise<number> =>
  withSources(flags, routerConfig, async (config) => (await import('./run.js')).runRouter(config));

async function sim(flags: Flags, script: string): Promise<number> {
  const config = simConfig(flags);
  const { simulate } = await import('./sim-command.js');
  return simulate(config, script);
}

const simWorker = async (): Promise<number> => (await import('./sim-worker.js')).runSimWorker();

function addStart(program: Command): Command {
  const command = program
    .command('start')
    .description('start a whole cluster on this machine: node processes and a router');
  return addSettings(command, startSettings, { environment: false });
}

function addNode(program: Command): Command {
  const command = program
    .command('node')
    .description('run one node; the same command on each machine but for --name and --data')
    .option('--config <file>', 'JSON file with any of the fields below in camel case; or KVORUM_CONFIG')
    .option('--check', 'check the configuration, print it as JSON, and exit');
  return addSettings(command, nodeSettings, { environment: true });
}

function addRouter(program: Command): Command {
  const command = program
    .command('router')
    .description('run a stand-alone router: it keeps nothing, and serves the whole HTTP API')
    .option('--config <file>', 'JSON file with any of the fields below in camel case; or KVORUM_CONFIG')
    .option('--check', 'check the configuration, print it as JSON, and exit');
  return addSettings(command, routerSettings, { environment: true });
}

function addSim(program: Command): Command {
  const command = program
    .command('sim')
    .description('run the simulator: whole clusters in virtual time, under faults generated from a seed')
    .option('--no-shrink', 'do not look for a smaller form of the first failure');
  return addSettings(command, simSettings, { environment: false });
}

function addSettings(command: Command, table: Settings, from: { readonly environment: boolean }): Command {
  for (const [field, { placeholder, help }] of Object.entries(table)) {
    const flag = placeholder === undefined ? flagName(field) : `${flagName(field)} ${placeholder}`;
    const also = from.environment ? `; or ${environmentName(field)}` : '';
    command.addOption(new Option(flag, help + also));
  }
  return command.helpOption('--help', 'show help').allowExcessArguments(false);
}

async function withSources<Config>(
  flags: Flags,
  read: (sources: { flags: Flags; environment: NodeJS.ProcessEnv; file: string | undefined }) => Config,
  begin: (config: Config) => Promise<number>,
): Promise<number> {
  const { config: file, check, ...settings } = flags;
  const config = read({
    flags: settings,
    environment: process.env,
    file: typeof file === 'string' ? file : undefined,
  });
  if (check !== true) return begin(config);
  process.stdout.write(`${JSON.stringify(config, null, 2)}\n`);
  return 0;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof NotChecked) return error.exitCode;
  // Commander has printed its message already; 0 is --help and --version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof ConfigError) {
    process.stderr.write(`kvorum: ${error.message}\n`);
    return EXIT_USAGE;
  }
  process.stderr.write(`kvorum: ${explain(error)}\n`);
  return EXIT_FAILED;
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address, port } = error as { code?: string; address?: string; port?: number };
  const place = `${address ?? ''}:${port ?? ''}`;
  if (code === 'EADDRINUSE') {
    return `${place} is in use by another process; stop that one, or choose another port (--port, --listen…)`;
  }
  if (code === 'EADDRNOTAVAIL') return `${place} is not an address of this machine`;
  if (code === 'EACCES') return `no permission: ${error.message}`;
  return whyTooFewDescriptors(error) ?? error.message;
}
