import { messageOf } from '../../src/thrown.js';
/**
 * What a script made on this machine and must take away again, whatever ends it: its end, a failure, or a signal.
 *
 * Steps run in the opposite order of their registration, each once; one that fails does not keep the others from
 * running. Register a step before doing what it undoes, and let it bear that nothing was done yet. Only SIGKILL of the
 * script itself leaves things behind.
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

  /** Something has told the script to end, and things are being taken away. */
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

  /** @param what completes "could not …". The result undoes it now, and takes it off the list. */
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

  /** Settles when all is done, with the number of steps that failed, each of which was said. */
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
