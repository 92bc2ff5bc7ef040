/** The command line of `npm run power-cut`. */
import { Command, CommanderError, Option } from 'commander';
import type { Synchronous } from './program.js';
import { whole } from '../support/usage.js';

export interface PowerCutOptions {
  readonly cuts: number;
  readonly nodes: number;
  readonly shards: number;
  readonly clients: number;
  /** The settings to try, one after the other. */
  readonly synchronous: readonly Synchronous[];
  readonly seed: number;
  readonly json: boolean;
  /** Fails if the test cannot run here. */
  readonly require: boolean;
}

const SETTINGS: Readonly<Record<string, readonly Synchronous[]>> = {
  FULL: ['FULL'],
  OFF: ['OFF'],
  both: ['FULL', 'OFF'],
};

/** An exit code instead, if there is nothing to do: 0 after --help, 2 for wrong usage; its message has been printed. */
export function parseOptions(argv: readonly string[]): PowerCutOptions | number {
  const program = new Command('power-cut')
    .description(
      'Cuts the power of all disks of a real cluster under load, again and again, and counts acknowledged writes ' +
        'that are lost. Exit code 0: none with synchronous=FULL, some with OFF (else it could not see), or nothing ' +
        'was done because this machine cannot; 1: not so; 2: asked wrongly.',
    )
    .option('--cuts <n>', 'power cuts for each setting', whole(1, 1000), 20)
    .option('--nodes <n>', 'nodes of the cluster', whole(1, 9), 3)
    .option('--shards <n>', 'shards of the cluster', whole(1, 1024), 16)
    .option('--clients <n>', 'clients that write at the same time', whole(1, 256), 32)
    .addOption(
      new Option('--synchronous <setting>', 'of SQLite: FULL as delivered, OFF in a patched copy, or both')
        .choices(Object.keys(SETTINGS))
        .default('FULL'),
    )
    .option('--seed <n>', 'of the load and of the moments of the cuts', whole(0, 2 ** 32 - 1), Date.now() % 2 ** 32)
    .option('--json', 'print one JSON document', false)
    .option('--require', 'fail where this machine cannot do it, instead of skipping', false)
    .allowExcessArguments(false)
    .exitOverride();
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  const { synchronous, ...others } = program.opts<Omit<PowerCutOptions, 'synchronous'> & { synchronous: string }>();
  return { ...others, synchronous: SETTINGS[synchronous] ?? [] };
}
