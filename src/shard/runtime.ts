/**
 * The world outside: time, chance, and "soon". Handed in, so that the same code runs in a process and in a simulator.
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
  /** Once, and not before `ms` have passed by `now`. */
  after(ms: number, task: () => void): Timer;
  /** The n-th turn not before n times `ms`, a millisecond less at most; turns that were missed come as one. */
  every(ms: number, task: () => void): Timer;
}

/** The few levels that the rooms below the router log at. `pino` fits; so does a silent one. */
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
