/** Lets a number of tasks run at the same time, and others wait for their turn, first come, first served. */
export class Gate {
  readonly #most: number;
  readonly #mostWaiting: number;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /** @returns what to call at the end of the task; undefined: too many wait, or its turn did not come in time */
  async enter(patienceMs: number): Promise<(() => void) | undefined> {
    if (this.#running < this.#most) this.#running += 1;
    else if (!(await this.#turn(patienceMs))) return undefined;
    return () => {
      const [next] = this.#waiting;
      // The next task takes the place.
      if (next === undefined) this.#running -= 1;
      else next();
    };
  }

  #turn(patienceMs: number): Promise<boolean> {
    if (this.#waiting.size >= this.#mostWaiting) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (isTurn: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(begin);
        resolve(isTurn);
      };
      const begin = (): void => {
        end(true);
      };
      const timer = setTimeout(() => {
        end(false);
      }, patienceMs);
      this.#waiting.add(begin);
    });
  }
}
