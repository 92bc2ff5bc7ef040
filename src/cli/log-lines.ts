/**
 * Formats the JSON log lines of node processes for a terminal: a prefix and a colour per node, one line per event; text
 * that is not JSON passes through. Whatever a field holds, a line stays one line and cannot control the terminal.
 *
 * Decided: about 100 lines here on `picocolors`. Instead of: `pino-pretty`. Measured with 13.2.0: it adds 17 packages, lets
 * ESC sequences and line ends in a message through to the terminal, and prints an error on several lines, also with
 * `singleLine`; the prefix and the plain lines of a process that crashes would still have to be written here.
 */
import picocolors from 'picocolors';

export interface LineFormatter {
  /** @param text one line as the node wrote it, without its line end */
  (node: string, text: string): string;
}

/** Level of a line written by pino; undefined for any other line. */
export function levelOf(text: string): number | undefined {
  const [, level] = /^\{"level":(\d{2}),/.exec(text) ?? [];
  return level === undefined ? undefined : Number(level);
}

type Paint = (text: string) => string;

const LEVELS = new Map<unknown, string>([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info '],
  [40, 'warn '],
  [50, 'error'],
  [60, 'fatal'],
]);
const WARN = 40;
const ERROR = 50;
/** Shown by the prefix, or of no use on one machine. */
const LEFT_OUT = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'name', 'node']);

/**
 * NO_COLOR and FORCE_COLOR as defined by no-color.org and Node. `isTTY` of a stream that is no terminal is undefined,
 * which picocolors takes as "auto", and then it uses colours wherever CI is set.
 */
export function wantsColour(
  isTerminal: boolean | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  const forced = environment['FORCE_COLOR'];
  return forced === undefined ? isTerminal === true : forced !== '0';
}

export function lineFormatter(names: readonly string[], colour: boolean): LineFormatter {
  const colours = picocolors.createColors(colour);
  const palette: Paint[] = [colours.cyan, colours.green, colours.magenta, colours.yellow, colours.blue];
  const width = Math.max(0, ...names.map((name) => name.length));
  return (node, text) => {
    const paint = palette[Math.max(0, names.indexOf(node)) % palette.length] ?? colours.reset;
    return `${paint(`${node.padEnd(width)} │`)} ${line(text, colours)}`;
  };
}

function line(text: string, colours: ReturnType<typeof picocolors.createColors>): string {
  const fields = parse(text);
  if (fields === undefined) return printable(text);
  const level = typeof fields['level'] === 'number' ? fields['level'] : 0;
  const levelPaint = level >= ERROR ? colours.red : level >= WARN ? colours.yellow : (word: string) => word;
  const rest = Object.entries(fields)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => colours.dim(`${printable(name)}=${shown(value)}`));
  const message = typeof fields['msg'] === 'string' ? printable(fields['msg']) : '';
  return [colours.dim(clock(fields['time'])), levelPaint(LEVELS.get(level) ?? 'log  '), message, ...rest].join(' ');
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Local time of day. */
function clock(time: unknown): string {
  if (typeof time !== 'number') return '--:--:--.---';
  const date = new Date(time);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${day}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string') {
    return JSON.stringify(value.message);
  }
  if (typeof value === 'string' && /^[\w@.:/[\]-]+$/.test(value)) return value;
  return printable(JSON.stringify(value));
}

/** Control characters, among them ESC and line ends, as \u escapes. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
