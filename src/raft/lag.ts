/**
 * How long a number that only rises has failed to reach another that only rises, in ticks: what a disk has done, and
 * what it was asked to do.
 *
 * Under load a disk is always a little behind, so being behind is no sign of trouble. Failing to reach, for a whole
 * election timeout, a position that was asked for at its beginning is one.
 */
export class Lag {
  #goal = 0;
  #ticks = 0;

  /** Ticks since the present goal was set. 0 when the last goal was reached. */
  get ticks(): number {
    return this.#ticks;
  }

  /** Once a tick. Returns `ticks`. */
  tick(wanted: number, reached: number): number {
    if (reached >= this.#goal) {
      this.#goal = wanted;
      this.#ticks = 0;
    } else {
      this.#ticks++;
    }
    return this.#ticks;
  }
}
