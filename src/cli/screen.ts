/**
 * What a local cluster shows: one `kvorum ready …` line on standard output, everything else on standard error, so
 * that a script can wait for the one and a person can read the other.
 *
 * Of the nodes' logs a person sees what is of the level that was asked for; all of it is in files.
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
  /** Nodes and routers; what else runs has no file. */
  readonly names: readonly string[];
  /** Of what is shown. */
  readonly level: LogLevel;
  /** The logs are below it. */
  readonly dataDir: string;
}

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50, silent: Infinity };
/** While processes start, peers that do not listen yet refuse their links; only a start that fails makes that worth reading. */
const LINK_REFUSED = /"msg":"no link"\}$/;
const MOST_HELD_BACK = 20;
/** Last lines that are not written by then are lost. */
const CLOSE_MS = 500;

/** At what a process logs of which `shown` is shown: the files have more. */
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
    // Whoever read our output may be gone (`npm start | head -1`); the cluster goes on.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
    try {
      for (const name of names) this.#logs.set(name, new NodeLog(dataDir, name));
    } catch (error) {
      this.say(`no log files: ${messageOf(error)}`);
    }
  }

  /** Paths of the logs. */
  get logs(): readonly string[] {
    return [...this.#logs.values()].map(({ path }) => path);
  }

  /** Lines that are in no file, of all logs; nodes write theirs into a pipe, and so know nothing of it. */
  get lostLogLines(): number {
    let lost = 0;
    for (const log of this.#logs.values()) lost += log.lost;
    return lost;
  }

  /** All is to end: nodes that notice that others have ended are of no interest. Their logs have it. */
  ending(): void {
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
    this.say(why);
  }

  /** A word of the supervisor's own. */
  say(text: string): void {
    process.stderr.write(`${this.#bold('kvorum:')} ${text}\n`);
  }

  /** `line` as `node` logged it, without its end. What is no log line is always shown: a process that dies has no levels. */
  nodeLine(node: string, line: string): void {
    this.#logs.get(node)?.write(line);
    if ((levelOf(line) ?? Infinity) < this.#least) return;
    const text = `${this.#format(node, line)}\n`;
    if (this.#heldBack === undefined || !LINK_REFUSED.test(line)) process.stderr.write(text);
    else if (this.#heldBack.length < MOST_HELD_BACK) this.#heldBack.push(text);
  }

  /** For what runs inside this process: the same lines as a node process writes, shown the same way. */
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
