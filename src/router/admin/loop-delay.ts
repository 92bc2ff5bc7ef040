/**
 * How long the event loop keeps work waiting, measured finely while the process is busy and not at all while it idles:
 * the measuring itself wakes the loop, and an idle loop keeps nothing waiting.
 *
 * Each delay is told once, when it was measured, and kept by nobody here: whoever counts them can count since the start,
 * and two who read the counts disturb each other in nothing. (Node's `monitorEventLoopDelay` has percentiles since its
 * last reset only.) Knows nothing of what the process does; reads its CPU time once a second.
 */
import type { Runtime, Timer } from '../../shard/index.js';

const LOOK_EVERY_MS = 10;
const BUSY_EVERY_MS = 1_000;
/** CPU time in a second above which a process is busy. */
const BUSY_MS = 50;

export interface LoopDelay {
  /** One listener, which is told each delay from now on, in seconds. */
  onDelay(listener: (seconds: number) => void): void;
  stop(): void;
}

/** @param cpuMs CPU time of this process since its start */
export function measureLoopDelay(runtime: Pick<Runtime, 'now' | 'every'>, cpuMs: () => number = ownCpuMs): LoopDelay {
  let tell: (seconds: number) => void = () => undefined;
  let looks: Timer | undefined;
  const look = (): Timer => {
    let last = runtime.now();
    return runtime.every(LOOK_EVERY_MS, () => {
      const now = runtime.now();
      // What is counted is how much later than that it came.
      tell(Math.max(0, now - last - LOOK_EVERY_MS) / 1_000);
      last = now;
    });
  };
  let used = cpuMs();
  const timer = runtime.every(BUSY_EVERY_MS, () => {
    const before = used;
    used = cpuMs();
    if (used - before > BUSY_MS) looks ??= look();
    else {
      looks?.cancel();
      looks = undefined;
    }
  });
  return {
    onDelay: (listener) => {
      tell = listener;
    },
    stop: () => {
      timer.cancel();
      looks?.cancel();
      looks = undefined;
    },
  };
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
