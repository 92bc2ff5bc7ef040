/**
 * The environment: clocks, randomness and timers. It is passed as a parameter, so that the same code runs in a process
 * and in a simulator.
 */
export interface Timer {
  cancel(): void;
}

export interface Runtime {
  /** Milliseconds on a monotonic clock that continues while the process is stopped. */
  now(): number;
  /** Milliseconds since 1970; may jump. Only recorded in entries and logs; consensus never depends on it. */
  wallTime(): number;
  /** In [0, 1). */
  random(): number;
  /** Runs `task` after the current one, in the order of the calls. A timer that is due may run before it. */
  defer(task: () => void): void;
  /** Runs `task` once, not before `ms` have passed by `now`. */
  after(ms: number, task: () => void): Timer;
  /**
   * Runs `task` every `ms`: the n-th run at most a millisecond before n times `ms`; missed runs are merged into one.
   */
  every(ms: number, task: () => void): Timer;
}

/** The log levels used below the router; a `pino` logger implements it. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
