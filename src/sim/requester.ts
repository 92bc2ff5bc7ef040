/** How a simulated client asks: one of the processes, after a delay on the way, and not for ever. */
import type { ClientEndpoint } from './client.js';
import type { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';

export interface RequesterOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** One way, at most, ms. */
  readonly delayMs: number;
  readonly endpoints: () => readonly ClientEndpoint[];
  readonly onTrouble: (what: string) => void;
}

const AGAIN_AFTER_MS = 30;

export class Requester {
  readonly #options: RequesterOptions;

  constructor(options: RequesterOptions) {
    this.#options = options;
  }

  /**
   * Has `task` run at one of the processes; it never settles if that ends.
   * @param done called once, with undefined if there was no process to ask, or no answer within `patienceMs`
   */
  send<T>(
    task: (endpoint: ClientEndpoint) => Promise<T>,
    patienceMs: number,
    done: (result: T | undefined) => void,
  ): void {
    const { scheduler, random, delayMs, endpoints, onTrouble } = this.#options;
    const open = endpoints();
    if (open.length === 0) {
      scheduler.after(AGAIN_AFTER_MS, undefined, () => {
        done(undefined);
      });
      return;
    }
    const endpoint = random.pick(open);
    let ended = false;
    const end = (result: T | undefined): void => {
      if (ended) return;
      ended = true;
      silence.cancelled = true;
      done(result);
    };
    const silence = scheduler.after(patienceMs, undefined, () => {
      end(undefined);
    });
    const backMs = random.between(0, delayMs);
    scheduler.after(random.between(0, delayMs), endpoint.incarnation, () => {
      scheduler.settles();
      task(endpoint).then(
        (result) => {
          scheduler.after(backMs, undefined, () => {
            end(result);
          });
        },
        (error: unknown) => {
          onTrouble(`a request through ${endpoint.name}: ${String(error)}`);
        },
      );
    });
  }
}
