/**
 * The output of a local cluster: one `kvorum ready …` line on standard output, for scripts; everything else on standard
 * error, for people. Of the nodes' logs only lines of the requested level are shown; the files have all of them.
 */
import picocolors from 'picocolors';
import { pino, type Logger } from 'pino';
import type { LogLevel } from '../config/index.js';
import { levelOf, lineFormatter, wantsColour, type LineFormatter } from './log-lines.js';
import { NodeLog } from './node-logs.js';
import { messageOf } from '../thrown.js';

export interface ReadyFields {
  readonly url: string;
  readonly nodes: number;
  readonly shards: number;
  readonly replicas: number;
  /** Node processes, in the order of the nodes. */
  readonly pids: readonly number[];
}

export interface ScreenOptions {
  /** Nodes and routers; other processes have no log file. */
  readonly names: readonly string[];
  /** Lowest level that is shown. */
  readonly level: LogLevel;
  /** The log files are below it. */
  readonly dataDir: string;
}

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50, silent: Infinity };
/** While processes start, peers that do not listen yet refuse their links; this is shown only if the cluster is late. */
const LINK_REFUSED = /"msg":"no link"\}$/;
const MAX_HELD_BACK = 20;
/** Lines that are not written by then are lost. */
const CLOSE_MS = 500;

/** The level at which a process logs, if `shown` is shown: the files have more. */
export const fileLevel = (shown: LogLevel): LogLevel => (shown === 'debug' ? 'debug' : 'info');

export class Screen {
  readonly #format: LineFormatter;
  readonly #bold: (text: string) => string;
  #least: number;
  /** Lines about refused links, until the cluster is ready or late; undefined after that. */
  #heldBack: string[] | undefined = [];
  readonly #logs = new Map<string, NodeLog>();

  constructor({ names, level, dataDir }: ScreenOptions) {
    this.#least = LEVELS[level];
    const colour = wantsColour(process.stderr.isTTY, process.env);
    this.#format = lineFormatter(names, colour);
    this.#bold = picocolors.createColors(colour).bold;
    // The reader of the output may be gone (`npm start | head -1`); the cluster continues.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
    try {
      for (const name of names) this.#logs.set(name, new NodeLog(dataDir, name));
    } catch (error) {
      this.print(`no log files: ${messageOf(error)}`);
    }
  }

  /** Paths of the log files. */
  get logs(): readonly string[] {
    return [...this.#logs.values()].map(({ path }) => path);
  }

  /** Lines of all logs that are in no file. Nodes write to a pipe, so they cannot count them. */
  get lostLogLines(): number {
    let lost = 0;
    for (const log of this.#logs.values()) lost += log.lost;
    return lost;
  }

  /** From now on warnings are not shown: nodes only notice that others have stopped. The files still get them. */
  startShutdown(): void {
    this.#least = Math.max(this.#least, LEVELS.error);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#logs.values()].map((log) => log.close(CLOSE_MS)));
  }

  ready({ url, nodes, shards, replicas, pids }: ReadyFields): void {
    this.#heldBack = undefined;
    const counts = `nodes=${nodes} shards=${shards} replicas=${replicas}`;
    process.stdout.write(`kvorum ready ${url} ${counts} pids=${pids.join(',')}\n`);
  }

  /** The cluster is not ready in time: links that were refused may be the reason. */
  late(why: string): void {
    for (const text of this.#heldBack ?? []) process.stderr.write(text);
    this.#heldBack = undefined;
    this.print(why);
  }

  /** A message of the supervisor. */
  print(text: string): void {
    process.stderr.write(`${this.#bold('kvorum:')} ${text}\n`);
  }

  /** A line of `node`, without its line end. A line without a level is always shown: so are crashes. */
  nodeLine(node: string, line: string): void {
    this.#logs.get(node)?.write(line);
    if ((levelOf(line) ?? Infinity) < this.#least) return;
    const text = `${this.#format(node, line)}\n`;
    if (this.#heldBack === undefined || !LINK_REFUSED.test(line)) process.stderr.write(text);
    else if (this.#heldBack.length < MAX_HELD_BACK) this.#heldBack.push(text);
  }

  /** For the router in this process: its lines are treated like those of a node process. */
  logger(name: string, level: LogLevel): Logger {
    return pino(
      { level: fileLevel(level), base: undefined },
      {
        write: (text: string) => {
          this.nodeLine(name, text.trimEnd());
        },
      },
    );
  }
}
