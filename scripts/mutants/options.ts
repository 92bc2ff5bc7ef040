/** The command line of `npm run mutants`, parsed and validated. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { BANK } from './bank/index.js';
import { INSTRUMENT_NAMES, type InstrumentName, type Mutant } from './mutant.js';
import { whole } from '../support/usage.js';

export interface Options {
  readonly only?: readonly Mutant[];
  readonly with?: readonly InstrumentName[];
  readonly jobs: number;
  /** Runs every instrument, also when one has caught the mutant. */
  readonly each: boolean;
  readonly seeds?: number;
  readonly json: boolean;
  readonly list: boolean;
}

/** An exit code instead, if there is nothing to do: 0 after --help, 2 for wrong usage; its message has been printed. */
export function parseOptions(argv: readonly string[]): Options | 0 | 2 {
  try {
    return command().parse(argv, { from: 'user' }).opts();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

function command(): Command {
  return new Command('npm run mutants --')
    .description('Plants known bugs into copies of the source and tells which instrument catches them.')
    .option('--only <ids>', 'mutants by id, separated by commas', mutantsByIds)
    .option(
      '--with <names>',
      `instruments instead of each mutant's own: ${INSTRUMENT_NAMES.join(', ')}`,
      instrumentNames,
    )
    .option('--each', 'ask all instruments (or those of --with), and name each that sees the mutant by itself', false)
    .option('--seeds <n>', 'seeds, for instruments that count them', whole(1, 1_000_000))
    .option('--jobs <n>', 'copies that are looked at at the same time', whole(1, 64), 2)
    .option('--json', 'one JSON document on stdout', false)
    .option('--list', 'list the mutants and stop', false)
    .helpOption('--help', 'show help')
    .allowExcessArguments(false)
    .exitOverride();
}

/** Each once, in the order in which they are first named. */
function mutantsByIds(text: string): Mutant[] {
  const mutants = text.split(',').map((id) => {
    const mutant = BANK.find((candidate) => candidate.id === id.trim().toUpperCase());
    if (mutant === undefined) throw new InvalidArgumentError(`There is no mutant '${id}'; --list shows all of them.`);
    return mutant;
  });
  return [...new Set(mutants)];
}

function instrumentNames(text: string): InstrumentName[] {
  const names = text.split(',').map((asked) => {
    const name = INSTRUMENT_NAMES.find((candidate) => candidate === asked.trim());
    const there = INSTRUMENT_NAMES.join(', ');
    if (name === undefined) throw new InvalidArgumentError(`There is no instrument '${asked}'; there are ${there}.`);
    return name;
  });
  return [...new Set(names)];
}
