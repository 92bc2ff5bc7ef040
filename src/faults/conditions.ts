/**
 * What one direction of a link is like: cut, slow, lossy, or healthy; and how late a piece of it is.
 *
 * Loss is modelled as what TCP makes of it: nothing is missing at the end, it comes later. A lost piece is sent again
 * after a retransmission timeout, which doubles each time it is lost again (RFC 6298; 200 ms and 120 s are Linux's
 * bounds), and what was sent behind it waits. Kinder than a real network in that a piece is whatever one read gave, up
 * to 64 KiB, and not a packet; harsher in that there is no fast retransmission. Knows no socket.
 */
export interface Conditions {
  readonly cut: boolean;
  readonly delayMs: number;
  /** 0..100. At 100 nothing ever arrives, as if cut. */
  readonly dropPercent: number;
}

export const HEALTHY: Conditions = { cut: false, delayMs: 0, dropPercent: 0 };

const FIRST_TIMEOUT_MS = 200;
const MAX_TIMEOUT_MS = 120_000;

export const isHealthy = ({ cut, delayMs, dropPercent }: Conditions): boolean =>
  !cut && delayMs === 0 && dropPercent === 0;

/** Whether nothing passes. */
export const stalls = ({ cut, dropPercent }: Conditions): boolean => cut || dropPercent >= 100;

/** How long a piece that is sent now is under way, if nothing before it holds it up. @param random in [0, 1) */
export function latenessMs({ delayMs, dropPercent }: Conditions, random: () => number): number {
  let lateMs = delayMs;
  let timeoutMs = FIRST_TIMEOUT_MS;
  while (dropPercent > 0 && dropPercent < 100 && random() * 100 < dropPercent) {
    lateMs += timeoutMs;
    timeoutMs = Math.min(2 * timeoutMs, MAX_TIMEOUT_MS);
  }
  return lateMs;
}
