/**
 * The environment: clocks, randomness and timers. A parameter, so that the same code runs in a process and in a simulator.
 */
export interface Timer {
  cancel(): void;
}

export interface Runtime {
  /** Milliseconds on a clock that never goes back and goes on while the process is stopped. */
  now(): number;
  /** Milliseconds since 1970; may jump. Only carried in entries and logs, never used to decide consensus. */
  wallTime(): number;
  /** In [0, 1). */
  random(): number;
  /** Runs `task` after the current one, in the order of the calls. A timer that is due may come before it. */
  defer(task: () => void): void;
  /** Runs `task` once, not before `ms` have passed by `now`. */
  after(ms: number, task: () => void): Timer;
  /** Runs `task` every `ms`: the n-th run at most a millisecond before n times `ms`; missed runs are merged into one. */
  every(ms: number, task: () => void): Timer;
}

/** The log levels used below the router; a `pino` logger is one. */
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
