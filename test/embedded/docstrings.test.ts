/**
 * What the package exports is documented where it is declared.
 *
 * The rule, by the TypeScript compiler: every export of `src/index.ts` has a docstring, and so has every public member of
 * an exported interface, class or type, whichever file declares it. A docstring is text: tags alone are none. A member
 * needs none of its own if
 * - a type that its own extends, or another form of the same union, documents a member of that name; or
 * - its type is an export with a docstring, or an array of one; or
 * - its type is one string, such as `'put'`: then the declaration says all.
 * Constructors and what is `@internal` are left out. Whether a docstring says something is for its readers to judge.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const isInternal = (node: ts.Node): boolean => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');

/** The node that a comment is before: of a variable, its statement. */
const commented = (node: ts.Node): ts.Node => (ts.isVariableDeclaration(node) ? node.parent.parent : node);

function isDocumented(symbol: ts.Symbol): boolean {
  const docs = (symbol.declarations ?? []).flatMap((node) => ts.getJSDocCommentsAndTags(commented(node)));
  return docs.some((doc) => ts.isJSDoc(doc) && (ts.getTextOfJSDocComment(doc.comment) ?? '').trim() !== '');
}

class Exports {
  readonly #checker: ts.TypeChecker;
  readonly #symbols: ReadonlyMap<string, ts.Symbol>;
  /** Members of types from outside are documented there, or not. */
  readonly #isOurs: (file: ts.SourceFile) => boolean;

  constructor(program: ts.Program, entry: string, isOurs: (file: ts.SourceFile) => boolean) {
    this.#checker = program.getTypeChecker();
    this.#isOurs = isOurs;
    const module = this.#checker.getSymbolAtLocation(program.getSourceFile(entry)!)!;
    const exported = this.#checker
      .getExportsOfModule(module)
      .map((symbol) => [symbol.name, this.#original(symbol)] as const);
    this.#symbols = new Map(exported);
  }

  get names(): string[] {
    return [...this.#symbols.keys()];
  }

  /** What has no docstring, as `Name` or `Name.member`. */
  undocumented(): string[] {
    return [...this.#symbols].flatMap(([name, symbol]) => [
      ...(isDocumented(symbol) ? [] : [name]),
      ...this.#undocumentedMembers(symbol).map((member) => `${name}.${member}`),
    ]);
  }

  /** How many members the rule looked at. */
  countMembers(): number {
    return [...this.#symbols.values()].reduce((sum, symbol) => sum + this.#membersOf(symbol).size, 0);
  }

  #original(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #undocumentedMembers(symbol: ts.Symbol): string[] {
    return [...this.#membersOf(symbol)]
      .filter(([, forms]) => !forms.some((form) => isDocumented(form) || this.#isSelfEvident(form)))
      .map(([name]) => name);
  }

  /** By name, in each form of the type. */
  #membersOf(symbol: ts.Symbol): Map<string, ts.Symbol[]> {
    const members = new Map<string, ts.Symbol[]>();
    if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias))) return members;
    for (const type of this.#withBases(this.#checker.getDeclaredTypeOfSymbol(symbol))) {
      for (const member of this.#checker.getPropertiesOfType(type).filter((one) => this.#isPublic(one))) {
        const name = this.#nameOf(member);
        members.set(name, [...(members.get(name) ?? []), member]);
      }
    }
    return members;
  }

  /** The forms of a union, each with what it extends. */
  #withBases(type: ts.Type): ts.Type[] {
    if (type.isUnion()) return type.types.flatMap((form) => this.#withBases(form));
    if (type.isIntersection()) return [type, ...type.types.flatMap((part) => this.#withBases(part))];
    const bases = type.isClassOrInterface() ? this.#checker.getBaseTypes(type) : [];
    return [type, ...bases.flatMap((base) => this.#withBases(base))];
  }

  #isPublic(member: ts.Symbol): boolean {
    const declared = member.declarations ?? [];
    return declared.some((node) => {
      const name = ts.getNameOfDeclaration(node);
      if (!this.#isOurs(node.getSourceFile()) || (name !== undefined && ts.isPrivateIdentifier(name))) return false;
      return !isInternal(node);
    });
  }

  #nameOf(member: ts.Symbol): string {
    const name = member.declarations?.map(ts.getNameOfDeclaration).find((node) => node !== undefined);
    return name?.getText() ?? member.name;
  }

  #isSelfEvident(member: ts.Symbol): boolean {
    if (this.#checker.getNonNullableType(this.#checker.getTypeOfSymbol(member)).isStringLiteral()) return true;
    const exported = new Set(this.#symbols.values());
    return (member.declarations ?? []).some((node) => {
      const written = ts.isPropertySignature(node) || ts.isPropertyDeclaration(node) ? elementOf(node.type) : undefined;
      if (written === undefined || !ts.isTypeReferenceNode(written)) return false;
      const named = this.#checker.getSymbolAtLocation(written.typeName);
      const type = named && this.#original(named);
      return type !== undefined && exported.has(type) && isDocumented(type);
    });
  }
}

/** The type as it is written; of an array, that of its elements. */
function elementOf(type: ts.TypeNode | undefined): ts.TypeNode | undefined {
  if (type === undefined) return undefined;
  if (ts.isTypeOperatorNode(type)) return elementOf(type.type);
  return ts.isArrayTypeNode(type) ? elementOf(type.elementType) : type;
}

function ofPackage(): Exports {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, (path) => readFileSync(path, 'utf8')) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: ['src/index.ts'] }, ts.sys, root);
  const program = ts.createProgram([`${root}src/index.ts`], options);
  return new Exports(program, `${root}src/index.ts`, ({ fileName }) => fileName.startsWith(`${root}src/`));
}

/** Modules that are not on a disk, without any library. A comment in the line of what it follows would belong to that. */
function ofModules(modules: Readonly<Record<string, string>>): Exports {
  const read = (path: string) => modules[path.replace(/^\//, '')]?.replaceAll('/**', '\n/**');
  const host: ts.CompilerHost = {
    fileExists: (path) => read(path) !== undefined,
    readFile: read,
    getSourceFile: (path, version) => {
      const text = read(path);
      return text === undefined ? undefined : ts.createSourceFile(path, text, version);
    },
    getDefaultLibFileName: () => '/lib.d.ts',
    writeFile: () => undefined,
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (path) => path,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
  };
  const options: ts.CompilerOptions = {
    ...{ noLib: true, strict: true, types: [], target: ts.ScriptTarget.ES2022 },
    ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  };
  return new Exports(ts.createProgram(['/index.ts'], options, host), '/index.ts', () => true);
}

it('every export of the package has a docstring, and so has each of its members', () => {
  const exports = ofPackage();
  expect(exports.undocumented()).toEqual([]);
  expect(exports.names).toEqual(expect.arrayContaining(['DistributedKeyValueStore', 'WriteResult', 'checkHistory']));
  expect(exports.countMembers()).toBeGreaterThan(200);
}, 60_000);

describe('the rule notices', () => {
  it.each([
    ['an interface', 'export interface A {}', ['A']],
    ['a type', 'export type A = string;', ['A']],
    ['a class', 'export class A {}', ['A']],
    ['a function', 'export function a(): void {}', ['a']],
    ['a constant', 'export const a = 1;', ['a']],
    ['tags alone', '/** @throws TypeError */ export function a(): void {}', ['a']],
    ['a comment that is none', '/* Text. */ export interface A {}', ['A']],
    ['a member', '/** Text. */ export interface A { b: number; /** Text. */ c: number }', ['A.b']],
    ['a method', '/** Text. */ export class A { b(): void {} }', ['A.b']],
    ['a member of a form', '/** Text. */ export type A = { /** Text. */ b: 1 } | { c: true };', ['A.c']],
    [
      'a member of a part',
      'interface B { b: number } /** Text. */ export type A = B & { /** Text. */ c: 1 };',
      ['A.b'],
    ],
    ['a member that is inherited', 'interface B { b: number } /** Text. */ export interface A extends B {}', ['A.b']],
    ['a type of a member', '/** Text. */ export interface A { b: B } export type B = "x" | "y";', ['A.b', 'B']],
    [
      'a type that is not exported',
      '/** Text. */ type B = "x" | "y"; /** Text. */ export interface A { b: B }',
      ['A.b'],
    ],
  ])('%s', (_, text, expected) => {
    expect(ofModules({ 'index.ts': text }).undocumented()).toEqual(expected);
  });

  it('what another module declares', () => {
    const modules = { 'index.ts': `export type { A } from './a.js';`, 'a.ts': 'export interface A { b: number }' };
    expect(ofModules(modules).undocumented()).toEqual(['A', 'A.b']);
  });
});

it.each([
  ['a docstring each', '/** Text. */ export interface A { /** Text. */ b: number }'],
  [
    'that of the base',
    'interface B { /** Text. */ b: unknown } /** Text. */ export interface A extends B { b: number }',
  ],
  ['that of another form', '/** Text. */ export type A = { /** Text. */ b: 1; c: "x" } | { b: 2; c: "y" };'],
  ['that of the type', '/** Text. */ export interface A { b: B; c?: B } /** Text. */ export type B = "x" | "y";'],
  [
    'that of the elements',
    '/** Text. */ export interface A { b?: readonly B[] } /** Text. */ export type B = "x" | "y";',
  ],
  ['one string', '/** Text. */ export interface A { op: "put" }'],
  ['overloads', '/** Text. */ export class A { /** Text. */ b(): void; b(c: 1): void; b(): void {} }'],
  ['private ones', '/** Text. */ export class A { #b = 1; /** @internal */ c(): void {} constructor() {} }'],
])('it is content with %s', (_, text) => {
  expect(ofModules({ 'index.ts': text }).undocumented()).toEqual([]);
});
