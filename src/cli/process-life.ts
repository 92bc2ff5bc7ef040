/**
 * How a process of ours ends: told by a signal or by the death of its parent, it stops in order; told again later, or
 * too slow, it ends at once.
 *
 * Knows nothing of what it stops. A process that was started with an IPC channel belongs to a supervisor: it leaves
 * SIGINT to it (a terminal sends Ctrl-C to the whole group) and takes the channel's end for the parent's death.
 */

export interface ProcessLife {
  /** Settles, with what was told, when the process is to stop. */
  readonly told: Promise<string>;
  /** Runs `stop`; ends the process itself when that takes longer than `limitMs`, or when told again. */
  end(stop: () => Promise<void>, limitMs: number): Promise<void>;
}

const EXIT_FORCED = 1;
/** One Ctrl-C may arrive twice: from the terminal, and forwarded by npm. Only a later one is impatience. */
const SAME_SIGNAL_MS = 1_000;
const PARENT_POLL_MS = 1_000;

export function processLife(): ProcessLife {
  let toldAt: number | undefined;
  let tell: (reason: string) => void = () => undefined;
  const told = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const hear = (reason: string) => {
    toldAt ??= performance.now();
    if (performance.now() - toldAt > SAME_SIGNAL_MS) process.exit(EXIT_FORCED);
    tell(reason);
  };
  const supervised = process.send !== undefined;
  process.on('SIGTERM', hear);
  process.on('SIGHUP', hear);
  process.on('SIGINT', (signal) => {
    if (!supervised) hear(signal);
  });
  const orphaned = () => {
    tell('the supervisor is gone');
  };
  if (supervised) {
    process.on('disconnect', orphaned);
    // It may have died while this process was loading, and then there is no event.
    if (!process.connected) orphaned();
  } else if (process.env['npm_lifecycle_event'] !== undefined) watchParent(tell);
  return {
    told,
    async end(stop, limitMs) {
      const limit = setTimeout(() => process.exit(EXIT_FORCED), limitMs);
      await stop();
      clearTimeout(limit);
    },
  };
}

/** npm passes signals on, but nobody passes on its own death; what it had started would run on unseen. */
function watchParent(tell: (reason: string) => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) tell('npm is gone');
  }, PARENT_POLL_MS);
  timer.unref();
}
