/**
 * Type-checks mutants against the project: a mutant that refers to something missing would be "caught" by the crash.
 *
 * One program for all; per mutant only the files that it changes are checked again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { plantIn } from './copies.js';
import type { Planted } from './mutant.js';

export class TypesChecker {
  readonly #root: string;
  readonly #overlay = new Map<string, string>();
  readonly #versions = new Map<string, number>();
  readonly #service: ts.LanguageService;

  constructor(root: string) {
    this.#root = root;
    const config = ts.parseJsonConfigFileContent(
      ts.readConfigFile(join(root, 'tsconfig.build.json'), (path) => ts.sys.readFile(path)).config,
      ts.sys,
      root,
    );
    this.#service = ts.createLanguageService({
      getScriptFileNames: () => config.fileNames,
      getScriptVersion: (path) => String(this.#versions.get(path) ?? 0),
      getScriptSnapshot: (path) => {
        const text = this.#overlay.get(path) ?? ts.sys.readFile(path);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => root,
      getCompilationSettings: () => config.options,
      getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
      fileExists: (path) => ts.sys.fileExists(path),
      readFile: (path) => ts.sys.readFile(path),
    });
  }

  /** The compiler's errors in the files that the mutant changes. @throws PatchError */
  complaints(mutant: Planted): string[] {
    const changed = plantIn(this.#root, mutant);
    for (const [file, text] of changed) this.#show(file, text);
    const found = [...changed.keys()].flatMap((file) => this.#check(file));
    for (const file of changed.keys()) this.#show(file, readFileSync(join(this.#root, file), 'utf8'));
    return found;
  }

  #show(file: string, text: string): void {
    const path = join(this.#root, file);
    this.#overlay.set(path, text);
    this.#versions.set(path, (this.#versions.get(path) ?? 0) + 1);
  }

  #check(file: string): string[] {
    const path = join(this.#root, file);
    const diagnostics = [...this.#service.getSyntacticDiagnostics(path), ...this.#service.getSemanticDiagnostics(path)];
    return diagnostics.map(({ messageText, start }) => {
      const before = this.#overlay.get(path)?.slice(0, start ?? 0) ?? '';
      return `${file}:${before.split('\n').length}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  }
}
