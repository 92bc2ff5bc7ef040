/**
 * The benchmark: `npm run bench -- [--quick] [--vs etcd] [--rows put@64,get@64] [--json]`, `--scale`, `--failover`;
 * `--help` lists the options. It runs the build in dist/, which npm makes first.
 *
 * Servers, load generator and the targets of comparison share this machine, so ratios within one run mean something,
 * and figures of two machines do not.
 *
 * Exit codes: 0 = measured; 1 = failed; 2 = wrong usage, nothing was done; 128 + n = ended by signal n.
 */
import { autocannonLoad, hasAutocannon } from './bench/autocannon-load.js';
import { compareFindings } from './bench/compare-findings.js';
import { compare } from './bench/compare.js';
import { type Context, describeMachine, machineLine, openContext } from './bench/context.js';
import { failover, failoverFindings } from './bench/failover.js';
import type { HttpDriver, HttpLoad } from './bench/target.js';
import { NodeLoad } from './bench/node-load.js';
import { parseOptions, type Options } from './bench/options.js';
import { headerOf, saveResult, type Findings, type Header } from './bench/result.js';
import { scaleFindings } from './bench/scale-findings.js';
import { scale } from './bench/scale.js';
import { hasWrk, wrkLoad } from './bench/wrk-load.js';
import { UsageError } from './support/usage.js';
import './support/closed-pipe.js';
import { loadHash } from '../src/shard/index.js';
import { messageOf } from '../src/thrown.js';

const EXIT_USAGE = 2;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (error.message !== '') console.error(`bench: ${error.message}`);
    return error.exitCode;
  }
  const missing = missingLoad(options);
  if (missing !== undefined) {
    console.error(`bench: ${missing}`);
    return EXIT_USAGE;
  }
  const context = openContext(options.dir);
  let exitCode = 0;
  try {
    await run(options, context);
  } catch (error) {
    // The end after a signal is not a failure.
    if (!context.cleanUp.begun) context.say(`failed: ${messageOf(error)}`);
    exitCode = 1;
  }
  return (await context.cleanUp.run()) > 0 ? 1 : exitCode;
}

async function run(options: Options, context: Context): Promise<void> {
  await loadHash();
  const machine = describeMachine(context.folder);
  context.say(machineLine(machine));
  const own = new NodeLoad();
  context.cleanUp.add('end the load', () => {
    own.close();
  });
  const load = pickLoad(options, context, own);
  const driver: HttpDriver = {
    load,
    own,
    data: { keys: options.keys, valueBytes: options.valueBytes, shards: options.shards },
  };
  const header = headerOf(options, load.name, machine);
  const findings = await find(options, context, driver, header);
  if (options.json) console.log(JSON.stringify({ ...header, ...findings.data, goals: findings.goals }));
  else console.log(findings.text);
  if (options.save) for (const path of saveResult(header, findings)) context.say(`kept ${path}`);
}

async function find(options: Options, context: Context, driver: HttpDriver, header: Header): Promise<Findings> {
  if (options.mode === 'scale') return scaleFindings(await scale(options, context, driver), header);
  if (options.mode === 'failover') return failoverFindings(await failover(options, context), header);
  return compareFindings(await compare(options, context, driver), header);
}

/** wrk costs the least CPU; our own is always available. */
function pickLoad({ load }: Options, { folder }: Context, own: NodeLoad): HttpLoad {
  if (load === 'wrk' || (load === 'auto' && hasWrk())) return wrkLoad(folder);
  if (load === 'autocannon' || (load === 'auto' && hasAutocannon())) return autocannonLoad;
  return own;
}

/** The message if a load generator was chosen by name but is not installed. */
function missingLoad({ load }: Options): string | undefined {
  const missing = (load === 'wrk' && !hasWrk()) || (load === 'autocannon' && !hasAutocannon());
  return missing ? `--load ${load}: ${load} is not installed` : undefined;
}
