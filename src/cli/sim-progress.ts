/**
 * Progress of a campaign on standard error: one line that is rewritten on a terminal, else a line every two seconds.
 */

export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** Undefined: no terminal. */
  readonly isTerminal: boolean | undefined;
  readonly now: () => number;
}

const TERMINAL_EVERY_MS = 200;
const LINE_EVERY_MS = 2_000;
const ERASE_LINE = '\r\u001b[K';

export class CampaignProgress {
  readonly #options: ProgressOptions;
  #shownAt: number;
  #unfinished = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#shownAt = options.now();
  }

  /** Shows `text()` if the last update is long enough ago. */
  update(text: () => string): void {
    const { write, isTerminal = false, now } = this.#options;
    if (now() - this.#shownAt < (isTerminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS)) return;
    this.#shownAt = now();
    this.#unfinished = isTerminal;
    write(isTerminal ? `${ERASE_LINE}kvorum: ${text()}` : `kvorum: ${text()}\n`);
  }

  /** A line of its own. */
  print(text: string): void {
    this.end();
    this.#options.write(`kvorum: ${text}\n`);
  }

  /** Erases the unfinished line. */
  end(): void {
    if (this.#unfinished) this.#options.write(ERASE_LINE);
    this.#unfinished = false;
  }
}
