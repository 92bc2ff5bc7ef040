/** Shared by the command lines of several scripts: usage errors, and numbers within bounds. */
import { InvalidArgumentError } from 'commander';

/** The command line makes no sense; nothing was done. `code` 0: help was shown. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode: 0 | 2;
  constructor(message: string, exitCode: 0 | 2 = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Parses an option's value. @throws InvalidArgumentError with both bounds, which are included */
export const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
