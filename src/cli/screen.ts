/**
 * What a local cluster shows: one `kvorum ready …` line on standard output, everything else on standard error, so
 * that a script can wait for the one and a person can read the other.
 */
import picocolors from 'picocolors';
import { pino, type Logger } from 'pino';
import type { LogLevel } from '../config/index.js';
import { lineFormatter, wantsColour, type LineFormatter } from './log-lines.js';

export interface ReadyFields {
  readonly url: string;
  readonly nodes: number;
  readonly shards: number;
  readonly replicas: number;
  /** Node processes, in the order of the nodes. */
  readonly pids: readonly number[];
}

export class Screen {
  readonly #format: LineFormatter;
  readonly #bold: (text: string) => string;

  constructor(nodeNames: readonly string[]) {
    const colour = wantsColour(process.stderr.isTTY, process.env);
    this.#format = lineFormatter(nodeNames, colour);
    this.#bold = picocolors.createColors(colour).bold;
    // Whoever read our output may be gone (`npm start | head -1`); the cluster goes on.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  }

  ready({ url, nodes, shards, replicas, pids }: ReadyFields): void {
    const counts = `nodes=${nodes} shards=${shards} replicas=${replicas}`;
    process.stdout.write(`kvorum ready ${url} ${counts} pids=${pids.join(',')}\n`);
  }

  /** A word of the supervisor's own. */
  say(text: string): void {
    process.stderr.write(`${this.#bold('kvorum:')} ${text}\n`);
  }

  nodeLine(node: string, line: string): void {
    process.stderr.write(`${this.#format(node, line)}\n`);
  }

  /** For what runs inside this process: the same lines as a node process writes, shown the same way. */
  logger(name: string, level: LogLevel): Logger {
    return pino(
      { level, base: undefined },
      {
        write: (text: string) => {
          this.nodeLine(name, text.trimEnd());
        },
      },
    );
  }
}
