/** Runs mutants through instruments: each in a copy of its own, several copies at a time. */
import { makeCopy } from './copies.js';
import type { Instrument } from './instrument.js';
import type { Mutant, Planted } from './mutant.js';
import { verdictOf, type Finding, type Look } from './verdict.js';

export interface Laboratory {
  readonly root: string;
  readonly instruments: readonly Instrument[];
  readonly jobs: number;
  /** Also runs the instruments after the first that caught it. */
  readonly each?: boolean;
  /** Called when an instrument has finished with a copy. */
  readonly onLook: (id: string, look: Look) => void;
}

/** A run without a mutant, with the largest budget that any of the mutants has: a smaller one would show nothing. */
export interface Control {
  readonly planted: Planted;
  readonly instrument: Instrument;
  readonly budget: number;
}

const budgetOf = (mutant: Mutant, instrument: Instrument): number =>
  mutant.budget?.[instrument.name] ?? instrument.budget;

/** The instruments for a mutant that can be run here, cheapest first, and those that cannot. */
function chosen(lab: Laboratory, mutant: Mutant): { usable: Instrument[]; missing: Finding['missing'] } {
  const wanted = lab.instruments.filter(({ name }) => mutant.caughtBy.includes(name));
  const usable = wanted.filter((instrument) => instrument.unavailable(lab.root) === undefined);
  const missing = wanted.flatMap((instrument) => {
    const why = instrument.unavailable(lab.root);
    return why === undefined ? [] : [{ instrument: instrument.name, why }];
  });
  return { usable, missing };
}

export function controlsFor(lab: Laboratory, mutants: readonly Mutant[]): Control[] {
  const controls = new Map<string, Control>();
  const add = (planted: Planted, instrument: Instrument, budget: number): void => {
    const name = `${planted.id} ${instrument.name}`;
    controls.set(name, { planted, instrument, budget: Math.max(budget, controls.get(name)?.budget ?? 0) });
  };
  for (const mutant of mutants) {
    for (const instrument of chosen(lab, mutant).usable) {
      const budget = budgetOf(mutant, instrument);
      add({ id: 'control', edits: [] }, instrument, budget);
      if (mutant.harmless !== undefined)
        add({ id: `${mutant.id} control`, edits: mutant.harmless }, instrument, budget);
    }
  }
  return [...controls.values()];
}

export function runControls(lab: Laboratory, controls: readonly Control[]): Promise<Look[]> {
  return pooled(lab.jobs, controls, async ({ planted, instrument, budget }) => {
    const copy = makeCopy(lab.root, planted.edits.length === 0 ? undefined : planted);
    try {
      const look = { instrument: instrument.name, sighting: await instrument.run(copy.folder, budget) };
      lab.onLook(planted.id, look);
      return look;
    } finally {
      copy.remove();
    }
  });
}

export function runMutants(lab: Laboratory, mutants: readonly Mutant[]): Promise<Finding[]> {
  return pooled(lab.jobs, mutants, (mutant) => examine(lab, mutant));
}

async function examine(lab: Laboratory, mutant: Mutant): Promise<Finding> {
  const { usable, missing } = chosen(lab, mutant);
  const looks: Look[] = [];
  if (usable.length > 0) {
    const copy = makeCopy(lab.root, mutant);
    try {
      for (const instrument of usable) {
        const sighting = await instrument.run(copy.folder, budgetOf(mutant, instrument));
        const look = { instrument: instrument.name, sighting };
        looks.push(look);
        lab.onLook(mutant.id, look);
        if (sighting.type === 'caught' && lab.each !== true) break;
      }
    } finally {
      copy.remove();
    }
  }
  const { id, title, caughtBy } = mutant;
  return { mutant: { id, title, caughtBy }, verdict: verdictOf(looks), looks, missing };
}

/** Results are in the order of the items, in whichever order they finish. */
async function pooled<T, R>(jobs: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Map<number, R>();
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of queue) results.set(at, await work(item));
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, worker));
  return items.flatMap((_, at) => {
    const result = results.get(at);
    return result === undefined ? [] : [result];
  });
}
