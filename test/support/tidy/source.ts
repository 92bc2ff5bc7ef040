/**
 * A source file as the tidy rules see it: its text, its syntax tree, what it imports.
 *
 * Contains no rule and reads no disk, so that a rule can be tried on a planted file.
 */
import { posix } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly what: string;
  /** What to do instead. */
  readonly instead: string;
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path of the project file that it resolves to; undefined for packages and node: modules. */
  readonly target: string | undefined;
  readonly line: number;
}

export const show = (v: Violation): string => `${v.path}:${v.line} ${v.what}\n    instead: ${v.instead}`;

const trees = new WeakMap<SourceFile, ts.SourceFile>();

export function tree(file: SourceFile): ts.SourceFile {
  const known = trees.get(file);
  if (known !== undefined) return known;
  const parsed = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  trees.set(file, parsed);
  return parsed;
}

export function lineOf(file: SourceFile, node: ts.Node): number {
  const parsed = tree(file);
  return parsed.getLineAndCharacterOfPosition(node.getStart(parsed)).line + 1;
}

/** Every node of the tree, parents first. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => {
    children.push(child);
  });
  for (const child of children) yield* walk(child);
}

/** Imports, re-exports, `import()` and files named for a worker by `new URL('./x.js', import.meta.url)`. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  const add = (literal: ts.Node | undefined): void => {
    if (literal === undefined || !ts.isStringLiteralLike(literal)) return;
    const specifier = literal.text;
    found.push({ specifier, target: resolve(file.path, specifier), line: lineOf(file, literal) });
  };
  for (const node of walk(tree(file))) {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    else if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
      const [path, base] = node.arguments ?? [];
      if (base?.getText() === 'import.meta.url' && path !== undefined && /\.[jt]s['"`]$/.test(path.getText()))
        add(path);
    }
  }
  return found;
}

function resolve(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}
