/**
 * Shutdown of a process: a signal or the death of the parent requests a graceful stop; a second signal, or a stop that
 * takes too long, ends the process at once.
 *
 * A process that was started with an IPC channel belongs to a supervisor: it ignores SIGINT (a terminal sends Ctrl-C to
 * the whole process group; the supervisor handles it) and takes the end of the channel for the parent's death.
 */

export interface ProcessLifecycle {
  /** Settles, with the reason, when the process is to stop. */
  readonly stopRequested: Promise<string>;
  /** Runs `stop`; exits if that takes longer than `limitMs`, or on a second signal. */
  end(stop: () => Promise<void>, limitMs: number): Promise<void>;
}

const EXIT_FORCED = 1;
/** One Ctrl-C may arrive twice: from the terminal, and forwarded by npm. Only a later one is a second signal. */
const SAME_SIGNAL_MS = 1_000;
const PARENT_POLL_MS = 1_000;

export function processLifecycle(): ProcessLifecycle {
  let requestedAt: number | undefined;
  let requestStop: (reason: string) => void = () => undefined;
  const stopRequested = new Promise<string>((resolve) => {
    requestStop = resolve;
  });
  const onSignal = (reason: string) => {
    requestedAt ??= performance.now();
    if (performance.now() - requestedAt > SAME_SIGNAL_MS) process.exit(EXIT_FORCED);
    requestStop(reason);
  };
  const supervised = process.send !== undefined;
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  process.on('SIGINT', (signal) => {
    if (!supervised) onSignal(signal);
  });
  const orphaned = () => {
    requestStop('the supervisor is gone');
  };
  if (supervised) {
    process.on('disconnect', orphaned);
    // It may have died while this process was loading; then there is no event.
    if (!process.connected) orphaned();
  } else if (process.env['npm_lifecycle_event'] !== undefined) watchParent(requestStop);
  return {
    stopRequested,
    async end(stop, limitMs) {
      const limit = setTimeout(() => process.exit(EXIT_FORCED), limitMs);
      await stop();
      clearTimeout(limit);
    },
  };
}

/** npm forwards signals, but not its own death (kill -9); what it started would continue unnoticed. */
function watchParent(requestStop: (reason: string) => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) requestStop('npm is gone');
  }, PARENT_POLL_MS);
  timer.unref();
}
