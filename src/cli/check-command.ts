/**
 * `kvorum check FILE`: the verdict on a recorded history, for people, as JSON, and as a page.
 *
 * Exit codes of its own, because UNKNOWN is neither a success nor a history that was found wrong.
 */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command, type CommanderError } from 'commander';
import {
  HistoryError,
  checkHistory,
  formatReport,
  picture,
  readHistory,
  renderPage,
  reportJson,
  type Verdict,
} from '../check/index.js';

const EXIT_CODES: Readonly<Record<Verdict, number>> = { LINEARIZABLE: 0, ILLEGAL: 1, UNKNOWN: 2 };
const EXIT_NOT_CHECKED = 3;

const HELP = `
Each line of FILE is one operation, as JSON:
  {"client":0,"op":"put|get|delete|cas|append","key":"k","value":"v"|null,"expected":"e"|null,
   "ok":true|false|null,"result":"r"|null,"start":1,"end":2}
ok: true took effect, false did not, null unknown. FILE may be - for standard input.

Exit codes: 0 LINEARIZABLE, 1 ILLEGAL, 2 UNKNOWN (no verdict in time), 3 nothing was checked: a bad line, a file that
cannot be read or written, or a wrong option.`;

/** A command that ended without a verdict, and has said why. */
export class NotChecked extends Error {
  readonly exitCode = EXIT_NOT_CHECKED;
}

interface Options {
  readonly json?: true;
  readonly timeout: number;
  readonly init?: string;
  readonly html?: string;
}

/** @param done takes the exit code. */
export function addCheck(program: Command, done: (exitCode: number) => void): void {
  program
    .command('check')
    .description('judge a recorded history: is it linearizable?')
    .argument('<file>', 'the history, JSON lines')
    .option('--json', 'print the verdict as one JSON document')
    .option('--timeout <duration>', 'give up after this: 500ms, 60s, 5m', parseDuration, 60_000)
    .option('--init <value>', 'what every key holds at the beginning (default: absent)')
    .option('--html <file>', 'write a page that shows the failure to this file')
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

async function check(file: string, { json, timeout, init: initial, html }: Options): Promise<number> {
  const init = initial ?? null;
  try {
    const operations = await readHistory(file === '-' ? process.stdin : createReadStream(file));
    if (process.stderr.isTTY)
      process.stderr.write(`checking ${operations.length.toLocaleString('en-US')} operations…\n`);
    const result = checkHistory(operations, { init, timeoutMs: timeout });
    if (html !== undefined) {
      const busiest = result.verdict === 'LINEARIZABLE' ? picture(operations, init) : undefined;
      await writeFile(html, renderPage(result, { name: file, ...(busiest === undefined ? {} : { picture: busiest }) }));
    }
    process.stdout.write(json === true ? `${JSON.stringify(reportJson(result))}\n` : formatReport(result));
    return EXIT_CODES[result.verdict];
  } catch (error) {
    // Whatever it is, it is no verdict: 1 and 2 would be taken for one.
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`kvorum: ${error instanceof HistoryError ? `${file}: ` : ''}${message}\n`);
    return EXIT_NOT_CHECKED;
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const MAX_TIMEOUT_MS = 24 * 60 * 60_000;

function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNIT_MS[unit] ?? Number.NaN);
  if (digits !== '' && ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new InvalidArgumentError(
    'It must be a number with a unit, more than nothing and at most 24 hours, like 500ms, 60s or 5m.',
  );
}
