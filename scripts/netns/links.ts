/**
 * The links between parties in network namespaces, for the fault control: cut in the kernel, in one direction or both.
 * Tracks which directions are cut; `Namespaces` cuts them.
 */
import { FaultRefused, type FaultLinks, type LinkView, type Party } from '../../src/faults/index.js';

type Cuts = Parameters<FaultLinks['addCuts']>[0];

/** Of `Namespaces`. */
export interface Dropper {
  setDropped(at: Party, sources: ReadonlyMap<Party, boolean>): void;
}

export class KernelLinks implements FaultLinks {
  readonly #dropper: Dropper;
  readonly #cut = new Map<string, { readonly from: Party; readonly to: Party }>();

  constructor(dropper: Dropper) {
    this.#dropper = dropper;
  }

  addCuts(cuts: Cuts): void {
    this.#become(new Map([...this.#cut, ...keyed(cuts)]));
  }

  replaceCuts(cuts: Cuts): void {
    this.#become(keyed(cuts));
  }

  /** @throws FaultRefused always */
  set(a: Party, b: Party): void {
    throw new FaultRefused(`the link ${a}-${b} cannot be made slow or lossy: network namespaces are only cut here`);
  }

  heal(): void {
    this.#become(new Map());
  }

  views(): LinkView[] {
    return [...this.#cut.values()].map((cut) => ({ ...cut, cut: true, delayMs: 0, dropPercent: 0, kbitPerSecond: 0 }));
  }

  /** One step for each receiver. Only changes are passed to the kernel. */
  #become(wanted: ReadonlyMap<string, Cuts[number]>): void {
    const steps = new Map<Party, Map<Party, boolean>>();
    const note = ({ from, to }: Cuts[number], drop: boolean): void => {
      const sources = steps.get(to) ?? new Map<Party, boolean>();
      steps.set(to, sources.set(from, drop));
    };
    for (const [key, cut] of wanted) if (!this.#cut.has(key)) note(cut, true);
    for (const [key, cut] of this.#cut) if (!wanted.has(key)) note(cut, false);
    for (const [at, sources] of steps) {
      this.#dropper.setDropped(at, sources);
      for (const [from, drop] of sources) {
        if (drop) this.#cut.set(keyOf({ from, to: at }), { from, to: at });
        else this.#cut.delete(keyOf({ from, to: at }));
      }
    }
  }
}

const keyOf = ({ from, to }: Cuts[number]): string => `${from}>${to}`;

/** Routers have no link with each other. */
const keyed = (cuts: Cuts): Map<string, Cuts[number]> =>
  new Map(
    cuts.filter(({ from, to }) => typeof from === 'number' || typeof to === 'number').map((cut) => [keyOf(cut), cut]),
  );
