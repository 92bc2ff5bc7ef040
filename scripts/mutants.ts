/**
 * The bank of known bugs: `npm run mutants -- [--only M1,K8] [--jobs 2] [--json] [--list]`.
 *
 * Plants each bug into a copy of the source and runs the instruments that must catch it; before that, it runs them on
 * the unchanged source, where they must find nothing. Exit codes: 0 all caught; 1 a mutant survived, or a control did
 * not pass; 2 wrong usage, or a patch no longer applies; 3 all that could be run here were caught, some could not be
 * run.
 */
import { fileURLToPath } from 'node:url';
import { BANK } from './mutants/bank/index.js';
import { INSTRUMENTS } from './mutants/instruments.js';
import { INSTRUMENT_NAMES, type Mutant } from './mutants/mutant.js';
import { parseOptions, type Options } from './mutants/options.js';
import { PatchError } from './mutants/plant.js';
import { describeLook, findingsTable, summary } from './mutants/report.js';
import { controlsFor, runControls, runMutants, type Laboratory } from './mutants/run.js';
import { TypesChecker } from './mutants/types-check.js';
import { complaintAbout, EXIT, exitCodeOf, type Finding } from './mutants/verdict.js';
import './support/closed-pipe.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Checks that every patch applies and the result compiles, before anything is run. @throws PatchError */
function checkPatches(mutants: readonly Mutant[]): void {
  const checker = new TypesChecker(root);
  for (const mutant of mutants) {
    const [complaint] = checker.complaints(mutant);
    if (complaint !== undefined) throw new PatchError(`${mutant.id}: it does not compile: ${complaint}`);
  }
}

async function main(options: Options): Promise<number> {
  const asked = options.only ?? BANK;
  const instruments = options.with ?? (options.each ? INSTRUMENT_NAMES : undefined);
  const mutants = instruments === undefined ? asked : asked.map((m) => ({ ...m, caughtBy: instruments }));
  if (options.list) {
    for (const { id, title, caughtBy } of mutants) console.log(`${id.padEnd(4)} ${title} [${caughtBy.join(', ')}]`);
    return EXIT.caught;
  }
  checkPatches(mutants);
  const lab: Laboratory = {
    root,
    instruments: INSTRUMENTS.map((one) =>
      one.unit === 'seeds' && options.seeds !== undefined ? { ...one, budget: options.seeds } : one,
    ),
    jobs: options.jobs,
    each: options.each,
    onLook: (id, look) => {
      say(`${id}: ${describeLook(look)}`);
    },
  };
  const start = performance.now();
  const controls = await runControls(lab, controlsFor(lab, mutants));
  const complaints = controls.map(complaintAbout).filter((complaint) => complaint !== undefined);
  if (complaints.length > 0) {
    for (const complaint of complaints) say(complaint);
    if (options.json) console.log(JSON.stringify({ controls, complaints, findings: [] }, undefined, 2));
    return EXIT.survived;
  }
  // Whichever instruments this run selects, the report also has what the bank records.
  const recorded = new Map(asked.map(({ id, caughtBy }) => [id, caughtBy]));
  const findings = (await runMutants(lab, mutants)).map((finding): Finding => {
    const { mutant } = finding;
    return { ...finding, mutant: { ...mutant, caughtBy: recorded.get(mutant.id) ?? mutant.caughtBy } };
  });
  const seconds = (performance.now() - start) / 1000;
  if (options.json) console.log(JSON.stringify({ seconds, controls, findings }, undefined, 2));
  else console.log(`${findingsTable(findings)}\n\n${summary(findings)} in ${seconds.toFixed(0)} s`);
  return exitCodeOf(findings);
}

const asked = parseOptions(process.argv.slice(2));
try {
  process.exitCode = typeof asked === 'number' ? asked : await main(asked);
} catch (error) {
  if (!(error instanceof PatchError)) throw error;
  say(`A patch no longer applies; the bank must follow the source.\n${error.message}`);
  // Exits at once: instruments may still be running on other copies.
  process.exit(EXIT.usage);
}
