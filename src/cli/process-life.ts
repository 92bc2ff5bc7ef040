/**
 * How a process of ours ends: told by a signal or by the death of its parent, it stops in order; told twice, or too
 * slow, it ends at once.
 *
 * Knows nothing of what it stops. A process that was started with an IPC channel belongs to a supervisor: it leaves
 * SIGINT to it (a terminal sends Ctrl-C to the whole group) and takes the channel's end for the parent's death.
 */

export interface ProcessLife {
  readonly supervised: boolean;
  /** Settles, with what was told, when the process is to stop. */
  readonly told: Promise<string>;
  /** Runs `stop`; ends the process itself when that takes longer than `limitMs`, or when told again. */
  end(stop: () => Promise<void>, limitMs: number): Promise<void>;
}

const EXIT_FORCED = 1;

export function processLife(): ProcessLife {
  const supervised = process.send !== undefined;
  let tell: (reason: string) => void = () => undefined;
  const told = new Promise<string>((resolve) => {
    tell = resolve;
  });
  let ending = false;
  const hear = (reason: string) => {
    if (ending && reason !== 'disconnect') process.exit(EXIT_FORCED);
    tell(reason);
  };
  process.on('SIGTERM', hear);
  process.on('SIGHUP', hear);
  process.on('SIGINT', (signal) => {
    if (!supervised) hear(signal);
  });
  if (supervised) {
    process.on('disconnect', () => {
      hear('disconnect');
    });
  }
  return {
    supervised,
    told,
    async end(stop, limitMs) {
      ending = true;
      const limit = setTimeout(() => process.exit(EXIT_FORCED), limitMs);
      await stop();
      clearTimeout(limit);
    },
  };
}
