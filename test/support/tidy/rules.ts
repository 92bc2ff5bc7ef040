/**
 * The rules for the source tree, each a function from files to violations.
 *
 * Knows the rooms and their arrows; reads no disk but its budgets. `tidy.test.ts` runs them on the repository and tries each on a
 * planted violation.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { importsOf, lineOf, tree, walk, type SourceFile, type Violation } from './source.js';

/** Which rooms a room may import, always through their `index.ts`. */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  raft: [],
  shard: ['raft'],
  router: ['shard'],
  config: [],
  check: [],
  faults: [],
  embedded: ['raft', 'shard', 'router'],
  sim: ['raft', 'shard', 'router', 'check'],
  cli: ['raft', 'shard', 'router', 'config', 'check', 'sim', 'faults', 'embedded'],
};
/** Rooms within a room, each with its own `index.ts`, and which sibling rooms each may import; all may import the files beside the rooms. */
export const INNER_ARROWS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  shard: {
    keys: [],
    machine: ['keys'],
    cluster: ['machine'],
    transport: ['keys', 'cluster'],
    node: ['keys', 'machine', 'cluster', 'transport'],
  },
  router: {
    http: [],
    dispatch: [],
    kv: ['http', 'dispatch'],
    admin: ['http', 'dispatch', 'kv'],
    server: ['http', 'dispatch', 'kv', 'admin'],
  },
  check: {
    page: [],
    transactions: ['page'],
  },
};
/** Files beside the rooms that wire them together; they may import any room. */
const COMPOSERS = ['src/index.ts', 'src/main.ts', 'src/cli.ts'];
/** Files beside the rooms that every room may import. */
const FREE_FILES = ['src/version.ts', 'src/thrown.ts', 'src/random.ts', 'src/loopback.ts'];

/** The room of a file: `raft` for src/raft/log.ts; undefined for a file right under src. */
export const roomOf = (path: string): string | undefined => /^src\/([^/]+)\/.+/.exec(path)?.[1];

/** The entrance of a room is its `index.ts`. Storage has its own, because the core must not import it. */
const isEntrance = (path: string): boolean => /^src\/(?:[^/]+|raft\/storage)\/index\.ts$/.test(path);

export function arrows(files: readonly SourceFile[]): Violation[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap(({ target, line }) => {
      if (target === undefined) return [];
      const complaint = crossing(file.path, target);
      return complaint === undefined ? [] : [{ path: file.path, line, ...complaint }];
    }),
  );
}

function crossing(from: string, to: string): { what: string; instead: string } | undefined {
  const room = roomOf(from);
  const other = roomOf(to);
  if (room !== undefined && ARROWS[room] === undefined) {
    return {
      what: `is in a room without arrows, ${room}`,
      instead: 'give the room its arrows in ARROWS (tidy/rules.ts)',
    };
  }
  if (room === other && room !== undefined)
    return room === 'raft' ? throughStorage(from, to) : withinRoom(room, from, to);
  if (other === undefined) {
    const mayReach = room === undefined || room === 'cli' || FREE_FILES.includes(to);
    return mayReach
      ? undefined
      : { what: `imports ${to}`, instead: 'hand in what is needed; rooms import no composer' };
  }
  if (room === undefined ? !COMPOSERS.includes(from) : ARROWS[room]?.includes(other) !== true) {
    const instead = `arrows go router → shard → raft: let ${room ?? 'a composer'} be handed what it needs, or move the code`;
    return { what: `imports the room ${other}`, instead };
  }
  return isEntrance(to)
    ? undefined
    : { what: `imports ${to} past its index.ts`, instead: `import it from src/${other}/index.ts` };
}

/** Inside raft only `index.ts` may import the storage: the core returns what is to be written in `Ready`. */
function throughStorage(from: string, to: string): { what: string; instead: string } | undefined {
  const storage = 'src/raft/storage/';
  if (!to.startsWith(storage) || from.startsWith(storage) || from === 'src/raft/index.ts') return undefined;
  return { what: `imports ${to}`, instead: 'the core imports no storage; return it in Ready' };
}

/** Inside a room that is divided into rooms: imports follow their arrows, through their `index.ts`; only the outer `index.ts` may import all. */
function withinRoom(room: string, from: string, to: string): { what: string; instead: string } | undefined {
  const inner = INNER_ARROWS[room];
  const [own, other] = [innerRoomOf(from), innerRoomOf(to)];
  if (inner === undefined || own === other) return undefined;
  if (own !== undefined && inner[own] === undefined) {
    const instead = `give the room its arrows in INNER_ARROWS (tidy/rules.ts)`;
    return { what: `is in a room without arrows, ${room}/${own}`, instead };
  }
  if (other === undefined) {
    const isOwnEntrance = to === `src/${room}/index.ts`;
    return isOwnEntrance
      ? { what: `imports ${to}`, instead: 'a room does not import its own outer index.ts' }
      : undefined;
  }
  if (own === undefined ? from !== `src/${room}/index.ts` : inner[own]?.includes(other) !== true) {
    const instead = `let ${own ?? from} be handed what it needs, or move the code`;
    return { what: `imports the room ${room}/${other}`, instead };
  }
  return to === `src/${room}/${other}/index.ts`
    ? undefined
    : { what: `imports ${to} past its index.ts`, instead: `import it from src/${room}/${other}/index.ts` };
}

/** `keys` for src/shard/keys/hash.ts; undefined for src/shard/errors.ts. */
const innerRoomOf = (path: string): string | undefined => /^src\/[^/]+\/([^/]+)\/.+/.exec(path)?.[1];

const IMPURE_NAMES = new Set([
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Date', 'performance'],
  ...['Promise', 'process', 'Buffer', 'crypto', 'console', 'fetch', 'Worker', 'AbortController'],
]);

/** `src/raft` outside `storage/`: no clock, randomness, promise, package or node: module. */
export function purity(files: readonly SourceFile[]): Violation[] {
  const instead = 'time is tick(), randomness is a parameter, and output is Ready; the shard room does the rest';
  return files
    .filter(({ path }) => path.startsWith('src/raft/') && !path.startsWith('src/raft/storage/'))
    .flatMap((file) => {
      const found: Violation[] = [];
      const add = (node: ts.Node, what: string) =>
        found.push({ path: file.path, line: lineOf(file, node), what, instead });
      for (const { specifier, target, line } of importsOf(file)) {
        if (target === undefined) found.push({ path: file.path, line, what: `imports ${specifier}`, instead });
      }
      for (const node of walk(tree(file))) {
        if (ts.isIdentifier(node) && IMPURE_NAMES.has(node.text) && !isMemberName(node)) add(node, `uses ${node.text}`);
        else if (ts.isAwaitExpression(node)) add(node, 'awaits');
        else if (node.kind === ts.SyntaxKind.AsyncKeyword) add(node, 'is async');
        else if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') add(node, 'uses Math.random');
      }
      return found;
    });
}

/** The `Date` of `row.Date` or `{ Date: 1 }` is a member, not the clock. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  return (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) && parent.name === node;
}

/** Lines of a file and of a function; `eslint.config.js` reads the same file. */
const budgets = JSON.parse(readFileSync(new URL('budgets.json', import.meta.url), 'utf8')) as {
  readonly fileLines: number;
  readonly functionLines: number;
};

/** `exceptions`: file → lines that it may have. The list may only shrink. */
export function fileBudget(files: readonly SourceFile[], exceptions: Readonly<Record<string, number>>): Violation[] {
  const found: Violation[] = [];
  for (const { path, text } of files) {
    const lines = text.split('\n').length - 1;
    const allowed = exceptions[path] ?? budgets.fileLines;
    if (lines > allowed) {
      const instead = 'split it by subject; a file has one, and its head comment names it';
      found.push({ path, line: 1, what: `has ${lines} lines; ${allowed} are allowed`, instead });
    } else if (lines <= budgets.fileLines && exceptions[path] !== undefined) {
      found.push({ path, line: 1, what: 'is within the budget', instead: 'take it off the list of exceptions' });
    }
  }
  for (const path of Object.keys(exceptions)) {
    if (files.some((file) => file.path === path)) continue;
    found.push({ path, line: 1, what: 'does not exist', instead: 'take it off the list of exceptions' });
  }
  return found;
}

export function functionBudget(files: readonly SourceFile[]): Violation[] {
  return files.flatMap((file) => {
    const found: Violation[] = [];
    for (const node of walk(tree(file))) {
      if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) continue;
      const parsed = tree(file);
      const first = parsed.getLineAndCharacterOfPosition(node.getStart(parsed)).line;
      const lines = parsed.getLineAndCharacterOfPosition(node.end).line - first + 1;
      if (lines <= budgets.functionLines) continue;
      const instead = 'split it into one named function per step';
      found.push({ path: file.path, line: first + 1, what: `a function has ${lines} lines`, instead });
    }
    return found;
  });
}

/** Every file under src must be needed by one of `entries`. */
export function reachability(files: readonly SourceFile[], entries: readonly string[]): Violation[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const open = entries.filter((path) => byPath.has(path));
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    const file = byPath.get(path);
    if (file === undefined) continue;
    for (const { target } of importsOf(file)) if (target !== undefined && byPath.has(target)) open.push(target);
  }
  const instead = `delete it, or import it from what starts at ${entries.join(' or ')}`;
  return [...byPath.keys()]
    .filter((path) => path.startsWith('src/') && !reached.has(path))
    .map((path) => ({ path, line: 1, what: 'is reached from nowhere', instead }));
}

const MACHINE_PATH = /(?<![\w.~-])\/(?:root|home|work|Users)\/[\w.-]+/;

export function machinePaths(files: readonly SourceFile[]): Violation[] {
  return byLine(files, (line) => {
    const match = MACHINE_PATH.exec(line);
    return match === null
      ? undefined
      : {
          what: `names ${match[0]}, a path of one machine`,
          instead: 'use a path relative to the project, or os.tmpdir()',
        };
  });
}

const REGISTRY = 'https://registry.npmjs.org/';

/** The lock file must work on any network: no private mirror in it. */
export function lockedHosts(lockFile: string): Violation[] {
  const path = 'package-lock.json';
  const instead = `lock against ${REGISTRY}`;
  return byLine([{ path, text: lockFile }], (line) => {
    const url = /"resolved": "([^"]+)"/.exec(line)?.[1];
    return url === undefined || url.startsWith(REGISTRY) ? undefined : { what: `resolves to ${url}`, instead };
  });
}

/** Row 42: what is installed is what was tested, and a package may run code at install only if it is named. */
export function pinnedPackages(packageFile: string): Violation[] {
  const path = 'package.json';
  const parsed = JSON.parse(packageFile) as Record<string, Record<string, unknown> | undefined>;
  return ['dependencies', 'devDependencies'].flatMap((group) =>
    Object.entries(parsed[group] ?? {}).flatMap(([name, version]) =>
      /^\d+\.\d+\.\d+$/.test(String(version))
        ? []
        : [{ path, line: 1, what: `leaves ${name} at ${String(version)}`, instead: 'say one exact version' }],
    ),
  );
}

const TEST_NAMES = new Set(['it', 'test', 'describe', 'suite', 'bench']);
const HIDING = new Set(['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails']);
const HIDING_NAMES = new Set(['xit', 'xtest', 'xdescribe', 'fit', 'fdescribe']);

/** A test that does not run, or that keeps others from running. */
export function hiddenTests(files: readonly SourceFile[]): Violation[] {
  const instead = 'make it pass or delete it; what is missing belongs into an issue';
  return files.flatMap((file) => {
    const found: Violation[] = [];
    for (const node of walk(tree(file))) {
      const hides =
        (ts.isPropertyAccessExpression(node) && HIDING.has(node.name.text) && TEST_NAMES.has(rootName(node))) ||
        (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && HIDING_NAMES.has(node.expression.text));
      if (hides)
        found.push({ path: file.path, line: lineOf(file, node), what: `hides tests: ${node.getText()}`, instead });
    }
    return found;
  });
}

function rootName(node: ts.Expression): string {
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isPropertyAccessExpression(node) || ts.isCallExpression(node)) return rootName(node.expression);
  return '';
}

const WAITING_NAMES = new Set(['setTimeout', 'setInterval', 'sleep']);

/** Tests of the core and the shards run on an injected clock. */
export function sleeps(files: readonly SourceFile[]): Violation[] {
  const instead = 'inject a clock (Runtime) and turn it by hand';
  return files.flatMap((file) => {
    const timers = importsOf(file).filter(({ specifier }) => /^(?:node:)?timers(?:\/promises)?$/.test(specifier));
    const found = timers.map(({ specifier, line }) => ({
      path: file.path,
      line,
      what: `imports ${specifier}`,
      instead,
    }));
    for (const node of walk(tree(file))) {
      if (ts.isIdentifier(node) && WAITING_NAMES.has(node.text) && !isMemberName(node)) {
        found.push({ path: file.path, line: lineOf(file, node), what: `uses ${node.text}`, instead });
      }
    }
    return found;
  });
}

function byLine(
  files: readonly SourceFile[],
  judge: (line: string) => { what: string; instead: string } | undefined,
): Violation[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((content, index) => {
      const complaint = judge(content);
      return complaint === undefined ? [] : [{ path, line: index + 1, ...complaint }];
    }),
  );
}
