/** The warnings and errors among the lines that a node logs: the first line of each message, for who watches its faults. */
import { levelOf } from './log-lines.js';

const WARN = 40;
const MOST = 20;
const MOST_CHARACTERS = 600;

export class Warnings {
  readonly #lines = new Map<string, string>();

  get lines(): readonly string[] {
    return [...this.#lines.values()];
  }

  /** A new life begins. */
  clear(): void {
    this.#lines.clear();
  }

  /** Any line of a log, as pino writes it. What a message says beside its text is not looked at. */
  see(line: string): void {
    if ((levelOf(line) ?? 0) < WARN || this.#lines.size >= MOST) return;
    const message = /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line;
    if (!this.#lines.has(message)) this.#lines.set(message, line.slice(0, MOST_CHARACTERS));
  }
}
