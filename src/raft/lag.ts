/**
 * Detects a stalled disk: for how many ticks the position that it has reached has failed to reach one that it was asked
 * for earlier.
 *
 * Under load a disk is always a little behind, so being behind is no sign of a stall. Failing to reach, for a whole
 * election timeout, a position that was asked for at its beginning is one.
 */
export class Lag {
  #goal = 0;
  #ticks = 0;

  /** Ticks since the present goal was set; 0 when it was reached at the last tick. */
  get ticks(): number {
    return this.#ticks;
  }

  /** To be called once a tick, with positions that never fall. Returns `ticks`. */
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
