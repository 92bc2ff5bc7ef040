/**
 * Transcripts in Markdown: commands and what they print, taken out of ```console blocks and compared with a real run.
 *
 * `$ ` starts a command (a trailing `\` continues it); the lines up to the next command are its output. What differs
 * from run to run (revisions, terms, ids, times) is recognised and levelled on both sides; beyond that, `…` in the
 * document stands for anything within a line, and a line of only `…` for any lines. Runs nothing itself.
 */
export interface Step {
  readonly command: string;
  readonly expected: readonly string[];
  /** Line of the command in the document. */
  readonly line: number;
}

export interface Block {
  /** The headings above it, outermost first. */
  readonly headings: readonly string[];
  readonly steps: readonly Step[];
}

export function consoleBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  const headings: string[] = [];
  let fence: { info: string; lines: string[]; start: number } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (fence === undefined) {
      const info = /^```(\w*)/.exec(line)?.[1];
      if (info !== undefined) fence = { info, lines: [], start: index + 2 };
      const heading = /^(#+) (.*)$/.exec(line);
      if (heading?.[1] !== undefined) headings.splice(heading[1].length - 1, headings.length, heading[2] ?? '');
    } else if (line.startsWith('```')) {
      if (fence.info === 'console') blocks.push({ headings: [...headings], steps: steps(fence.lines, fence.start) });
      fence = undefined;
    } else fence.lines.push(line);
  }
  return blocks;
}

function steps(lines: readonly string[], firstLine: number): Step[] {
  const found: { command: string; expected: string[]; line: number }[] = [];
  let continues = false;
  for (const [index, line] of lines.entries()) {
    const last = found.at(-1);
    if (continues && last !== undefined) last.command += `\n${line.replace(/^> /, '')}`;
    else if (line.startsWith('$ ')) found.push({ command: line.slice(2), expected: [], line: firstLine + index });
    else if (last === undefined) throw new Error(`line ${firstLine + index}: output before any command`);
    else last.expected.push(line);
    continues = found.at(-1)?.command.endsWith('\\') === true && (continues || line.startsWith('$ '));
  }
  return found;
}

/** What no two runs have in common; each becomes its own name. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, '<uuid>'],
  [/\bpids=[\d,]+/g, 'pids=<pids>'],
  [/"((?:\w+_)?(?:revision|term|ms|index|commit|applied|epoch|bytes))":\s*\d+(?:\.\d+)?/g, '"$1":<n>'],
  [/^((?:kv-(?:\w+-)*revision|kv-term|content-length|etag|date|kv-served-by):) .*$/gim, '$1 <v>'],
  [/"(leader|leader_hint|served_by)":\s*(?:"n\d"|\d+)/g, '"$1":<node>'],
  [/127\.0\.0\.1:(?!8080\b)\d+/g, '127.0.0.1:<port>'],
  [/\b\d+(?:\.\d+)? ms\b/g, '<n> ms'],
  // How `npm run faults` shows a cluster: columns are as wide as process ids; leaders come and go.
  [/^node +state +pid .*$/gm, 'node state pid …'],
  [/^(n\d) +(running|paused|dead)\b.*$/gm, '$1 $2 …'],
  [/^shards: .* have a leader.*$/gm, 'shards: …'],
  [/^did: isolate \d$/gm, 'did: isolate <node>'],
  [/^links: \d-\d cut, \d-\d cut$/gm, 'links: <two> cut'],
];

export function levelled(text: string): string {
  return VARYING.reduce((rest, [pattern, name]) => rest.replaceAll(pattern, name), text);
}

/** Undefined when the output is as documented, else what differs. */
export function difference(expected: readonly string[], actual: readonly string[]): string | undefined {
  const want = trimmed(expected).map(levelled);
  const have = trimmed(actual).map(levelled);
  if (matches(want, have)) return undefined;
  return `documented:\n${want.join('\n')}\nreal:\n${have.join('\n')}`;
}

function matches(want: readonly string[], have: readonly string[]): boolean {
  const [first, ...rest] = want;
  if (first === undefined) return have.length === 0;
  if (first.trim() === '…') {
    return Array.from({ length: have.length + 1 }, (_, skip) => skip).some((skip) => matches(rest, have.slice(skip)));
  }
  const [line, ...more] = have;
  return line !== undefined && lineMatches(first, line) && matches(rest, more);
}

function lineMatches(want: string, have: string): boolean {
  const pattern = want.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${pattern.join('.*')}$`).test(have.trimEnd());
}

/** Without trailing blanks and without blank lines at the end. */
function trimmed(lines: readonly string[]): string[] {
  return lines
    .join('\n')
    .trimEnd()
    .split('\n')
    .filter((line, index, all) => all.length > 1 || line !== '')
    .map((line) => line.trimEnd());
}
