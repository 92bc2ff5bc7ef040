import { messageOf } from '../../src/thrown.js';
/**
 * What a script has created on this machine and must remove again, whether it ends, fails, or gets a signal.
 *
 * Steps run in the reverse order of their registration, each once; one that fails does not keep the others from
 * running. Register a step before doing what it undoes, and let it tolerate that nothing was done yet. Only SIGKILL of
 * the script itself leaves things behind.
 */
export type Step = () => void | Promise<void>;

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export class CleanUp {
  readonly #steps: { readonly what: string; readonly step: Step }[] = [];
  readonly #say: (message: string) => void;
  #running: Promise<number> | undefined;
  #stopListening: () => void = () => undefined;

  constructor(say: (message: string) => void = console.error) {
    this.#say = say;
  }

  /** The script has to end; the steps are running. */
  get begun(): boolean {
    return this.#running !== undefined;
  }

  /** From now on a signal cleans up and ends the process with 128 + its number. */
  onSignals(): this {
    const listeners = Object.entries(SIGNALS).map(([signal, exitCode]) => {
      const listener = () => {
        if (this.begun) return;
        this.#say(`${signal}: cleaning up`);
        void this.run().then(() => process.exit(exitCode));
      };
      process.on(signal, listener);
      return { signal, listener };
    });
    this.#stopListening = () => {
      for (const { signal, listener } of listeners) process.off(signal, listener);
    };
    return this;
  }

  /** @param what completes "could not …". The returned function undoes it now and unregisters it. */
  add(what: string, step: Step): () => Promise<void> {
    const entry = { what, step };
    this.#steps.push(entry);
    return async () => {
      const index = this.#steps.indexOf(entry);
      if (index === -1) return;
      await step();
      this.#steps.splice(index, 1);
    };
  }

  /** Settles when all steps are done, with the number of those that failed, each of which was reported. */
  run(): Promise<number> {
    this.#running ??= this.#undoAll();
    return this.#running;
  }

  async #undoAll(): Promise<number> {
    let failures = 0;
    for (let last = this.#steps.pop(); last !== undefined; last = this.#steps.pop()) {
      try {
        await last.step();
      } catch (error) {
        failures++;
        this.#say(`could not ${last.what}: ${messageOf(error)}`);
      }
    }
    this.#stopListening();
    return failures;
  }
}
