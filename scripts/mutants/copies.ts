/**
 * Copies of the project to plant bugs in: sources, tests and scripts copied, node_modules linked, `dist` made.
 *
 * `dist` is transpiled file by file and not type-checked: unused declarations in a mutant must not keep it from
 * running.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { removeFolder, trackFolder } from './leftovers.js';
import type { Planted } from './mutant.js';
import { PatchError, plant } from './plant.js';

const COPIED = ['src', 'test', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'vitest.config.ts'];

export interface Copy {
  readonly folder: string;
  remove(): void;
}

/** Copies the project at `root`, with `mutant` planted if there is one. @throws PatchError */
export function makeCopy(root: string, mutant: Planted | undefined): Copy {
  const changed = mutant === undefined ? new Map<string, string>() : plantIn(root, mutant);
  const folder = mkdtempSync(join(tmpdir(), `kvorum-mutant-${mutant?.id ?? 'none'}-`));
  trackFolder(folder);
  const remove = (): void => {
    removeFolder(folder);
  };
  try {
    for (const name of COPIED) {
      if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [file, text] of changed) writeFileSync(join(folder, file), text);
    buildDist(folder, mutant?.id ?? 'the source as it is');
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, remove };
}

/** The files that `mutant` changes in the project at `root`. @throws PatchError */
export const plantIn = (root: string, mutant: Planted): Map<string, string> =>
  plant(mutant, (file) => readFileSync(join(root, file), 'utf8'));

/** Keyed by source text: copies differ in a few files only. */
const transpiled = new Map<string, string>();

/** @throws PatchError if the text does not parse. */
function transpile(who: string, file: string, text: string): string {
  const known = transpiled.get(text);
  if (known !== undefined) return known;
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  });
  const [first] = diagnostics;
  if (first === undefined) {
    transpiled.set(text, outputText);
    return outputText;
  }
  throw new PatchError(`${who}: ${file} does not parse: ${ts.flattenDiagnosticMessageText(first.messageText, ' ')}`);
}

function buildDist(folder: string, who: string): void {
  const source = join(folder, 'src');
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) continue;
    const target = join(folder, 'dist', relative(source, path));
    mkdirSync(dirname(target), { recursive: true });
    if (!path.endsWith('.ts')) cpSync(path, target);
    else writeFileSync(target.replace(/\.ts$/, '.js'), transpile(who, path, readFileSync(path, 'utf8')));
  }
}
