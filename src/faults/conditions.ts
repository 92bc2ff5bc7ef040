/**
 * Conditions of one direction of a link: cut, slow, lossy, narrow, or healthy; and the delay of a piece under them.
 *
 * Loss is modelled by its effect on TCP: nothing is missing in the end, it arrives later. A lost piece is retransmitted
 * after a timeout, which doubles each time it is lost again (RFC 6298; 200 ms and 120 s are Linux's bounds), and what
 * was sent after it waits. Milder than a real network in that a piece is the result of one read, up to 64 KiB, and not
 * a packet; harsher in that there is no fast retransmission. A narrow link transmits one piece after another, each for
 * as long as its bytes need.
 */
export interface Conditions {
  readonly cut: boolean;
  readonly delayMs: number;
  /** 0..100. At 100 nothing ever arrives, as if cut. */
  readonly dropPercent: number;
  /** Thousand bits per second, of all connections together; 0 = unlimited. */
  readonly kbitPerSecond: number;
}

export const HEALTHY: Conditions = { cut: false, delayMs: 0, dropPercent: 0, kbitPerSecond: 0 };

const FIRST_TIMEOUT_MS = 200;
const MAX_TIMEOUT_MS = 120_000;

export const isHealthy = ({ cut, delayMs, dropPercent, kbitPerSecond }: Conditions): boolean =>
  !cut && delayMs === 0 && dropPercent === 0 && kbitPerSecond === 0;

/** True if nothing passes. */
export const stalls = ({ cut, dropPercent }: Conditions): boolean => cut || dropPercent >= 100;

/** Delay of a piece that is sent now, if no earlier piece holds it up. @param random in [0, 1) */
export function latenessMs({ delayMs, dropPercent }: Conditions, random: () => number): number {
  let lateMs = delayMs;
  let timeoutMs = FIRST_TIMEOUT_MS;
  while (dropPercent > 0 && dropPercent < 100 && random() * 100 < dropPercent) {
    lateMs += timeoutMs;
    timeoutMs = Math.min(2 * timeoutMs, MAX_TIMEOUT_MS);
  }
  return lateMs;
}

/** The bandwidth of one direction: what is sent waits for what was sent before it, on whichever connection. */
export class BandwidthLimiter {
  #freeAtMs = 0;
  #heldMs = 0;

  /** The longest that a piece was held up since the conditions last changed; 0 without a limit. */
  get heldMs(): number {
    return this.#heldMs;
  }

  /** When the last byte of a piece that is sent now has left. */
  sentAtMs(bytes: number, { kbitPerSecond }: Conditions, nowMs: number): number {
    if (kbitPerSecond === 0) return nowMs;
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytes * 8) / kbitPerSecond;
    this.#heldMs = Math.max(this.#heldMs, this.#freeAtMs - nowMs);
    return this.#freeAtMs;
  }

  /** Pieces on it are sent again: its conditions have changed. */
  reset(): void {
    this.#freeAtMs = 0;
    this.#heldMs = 0;
  }
}

/**
 * How much a direction holds before its sender has to wait: 1 MiB, or what a narrow link passes in a quarter of a
 * second.
 */
export function roomBytes({ kbitPerSecond }: Conditions): number {
  const most = 1024 * 1024;
  return kbitPerSecond === 0 ? most : Math.min(most, Math.max(64 * 1024, (kbitPerSecond * 250) / 8));
}
