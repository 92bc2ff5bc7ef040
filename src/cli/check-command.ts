/**
 * `kvorum check FILE`: the verdict on a recorded history, as text, as JSON, and as an HTML page.
 *
 * Exit codes of its own, because UNKNOWN is neither a success nor an illegal history.
 */
import { accessSync, constants, createReadStream, fstatSync, statSync, type Stats } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidArgumentError, Option, type Command, type CommanderError } from 'commander';
import { HistoryError } from '../check/index.js';
import { messageOf } from '../thrown.js';
import { MODELS, type ModelName, type Report } from './check-models.js';

const EXIT_CODES: Readonly<Record<Report['verdict'], number>> = {
  LINEARIZABLE: 0,
  'STRICTLY SERIALIZABLE': 0,
  ILLEGAL: 1,
  UNKNOWN: 2,
};
const EXIT_NOT_CHECKED = 3;
/** The verdict was printed, but the requested page could not be written. */
const EXIT_NO_PAGE = 3;

const HELP = `
Each line of FILE is one operation, as JSON:
  {"client":0,"op":"put|get|delete|cas|append|increment|touch","key":"k","value":"v"|null,"expected":"e"|null,
   "ok":true|false|null,"result":"r"|null,"start":1,"end":2,"ttl":9|null}
With --model list-append, each line is one transaction, which appends to lists and reads them (null: not known what):
  {"client":0,"ops":[["append","k",1],["r","k",[1]]],"ok":true|false|null,"start":1,"end":2}
ok: true took effect, false did not, null unknown. FILE may be - for standard input.

Exit codes: 0 LINEARIZABLE or STRICTLY SERIALIZABLE, 1 ILLEGAL, 2 UNKNOWN (no verdict in time), 3 nothing was checked: a bad line, a file that
cannot be read or written, or a wrong option; or the verdict was printed, and then the page could not be written.`;

/** The command ended without a verdict, and has printed why. */
export class NotChecked extends Error {
  readonly exitCode = EXIT_NOT_CHECKED;
}

interface Options {
  readonly json?: true;
  readonly timeout: number;
  readonly init?: string;
  readonly ttlTolerance: number;
  readonly html?: string;
  readonly model: ModelName;
}

/** @param done takes the exit code. */
export function addCheck(program: Command, done: (exitCode: number) => void): void {
  program
    .command('check')
    .description('judge a recorded history: is it linearizable, or strictly serializable?')
    .argument('<file>', 'the history, JSON lines')
    .addOption(
      new Option('--model <model>', 'what was recorded: operations on registers, or transactions over lists')
        .choices(Object.keys(MODELS))
        .default('register'),
    )
    .option('--json', 'print the verdict as one JSON document')
    .option('--timeout <duration>', 'give up after this: 500ms, 60s, 5m', parseDuration, 60_000)
    .option('--init <value>', 'what every key holds at the beginning (default: absent)')
    .option('--ttl-tolerance <percent>', 'how much shorter a "ttl" may turn out: 10%', parseTolerance, 0)
    .option('--html <file>', 'write a page that shows the failure to this file', parsePage)
    .addHelpText('after', HELP)
    .helpOption('--help', 'show help')
    .allowExcessArguments(false)
    .exitOverride((error: CommanderError) => {
      throw error.exitCode === 0 ? error : new NotChecked(error.message);
    })
    .action(async (file: string, options: Options) => {
      done(await check(file, options));
    });
}

async function check(file: string, options: Options): Promise<number> {
  const { json, timeout, html, init, model, ttlTolerance } = options;
  try {
    if (html !== undefined) assertPageFits(html, file);
    const open = (): AsyncIterable<Uint8Array> => (file === '-' ? process.stdin : createReadStream(file));
    const { count, judge } = await MODELS[model](open, { name: file, timeoutMs: timeout, init, ttlTolerance });
    if (process.stderr.isTTY) process.stderr.write(`checking ${count}…\n`);
    const report = judge();
    // Before the page: the verdict may have taken long, and must not be lost with the page.
    process.stdout.write(json === true ? `${JSON.stringify(report.json())}\n` : report.text());
    const written = html === undefined || (await writePage(html, report));
    return written ? EXIT_CODES[report.verdict] : EXIT_NO_PAGE;
  } catch (error) {
    // Not a verdict: 1 and 2 would be taken for one.
    printError(`${error instanceof HistoryError ? `${file}: ` : ''}${messageOf(error)}`);
    return EXIT_NOT_CHECKED;
  }
}

function printError(text: string): void {
  process.stderr.write(`kvorum: ${text}\n`);
}

/** False if it could not be written; the reason was printed. */
async function writePage(html: string, report: Report): Promise<boolean> {
  try {
    await writeFile(html, report.page());
    return true;
  } catch (error) {
    printError(`--html ${html}: the page was not written: ${messageOf(error)}`);
    return false;
  }
}

/** Called before the check, which may take long. The page must never overwrite the history. */
function assertPageFits(html: string, file: string): void {
  const there = statOf(html);
  if (there !== undefined && isSame(there, statOf(file === '-' ? process.stdin.fd : file))) {
    throw new Error(`--html ${html}: that is the history itself`);
  }
  try {
    if (there?.isDirectory() === true) throw new Error('it is a folder');
    if (there !== undefined) accessSync(html, constants.W_OK);
    else accessSync(dirname(html), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(`--html ${html}: no page can be written there: ${messageOf(error)}`);
  }
}

/** Undefined if it does not exist or cannot be read; opening it will report which. */
function statOf(path: string | number): Stats | undefined {
  try {
    return typeof path === 'number' ? fstatSync(path) : statSync(path);
  } catch {
    return undefined;
  }
}

/** Also through links. False for a terminal or a pipe, which may be both read and written. */
const isSame = (one: Stats, other: Stats | undefined): boolean =>
  one.isFile() && other !== undefined && one.dev === other.dev && one.ino === other.ino;

function parsePage(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('It must be the name of a file.');
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const MAX_TIMEOUT_MS = 24 * 60 * 60_000;

function parseTolerance(text: string): number {
  const share = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]) / 100;
  if (share <= 1) return share;
  throw new InvalidArgumentError('It must be a percentage from 0% to 100%, like 10%.');
}

function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNIT_MS[unit] ?? Number.NaN);
  if (digits !== '' && ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new InvalidArgumentError(
    'It must be a number with a unit, more than nothing and at most 24 hours, like 500ms, 60s or 5m.',
  );
}
