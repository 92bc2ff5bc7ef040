/** Warnings and errors in a node's log: the first line of each distinct message, for the control API. */
import { levelOf } from './log-lines.js';

const WARN = 40;
const MAX_LINES = 20;
const MAX_CHARACTERS = 600;

export class Warnings {
  readonly #lines = new Map<string, string>();

  get lines(): readonly string[] {
    return [...this.#lines.values()];
  }

  /** To be called when a new process starts. */
  clear(): void {
    this.#lines.clear();
  }

  /** @param line any line written by pino; lines with the same `msg` count as one message, whatever their fields */
  add(line: string): void {
    if ((levelOf(line) ?? 0) < WARN || this.#lines.size >= MAX_LINES) return;
    const message = /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line;
    if (!this.#lines.has(message)) this.#lines.set(message, line.slice(0, MAX_CHARACTERS));
  }
}
