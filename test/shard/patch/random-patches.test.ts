/**
 * JSON patches beside a naive model: parsed values in arrays and maps, copied as a whole for every operation.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyJsonPatch, applyMergePatch, jsonEquals, parseJsonPatch } from '../../../src/shard/machine/index.js';
import { strictJsonError } from '../../../src/shard/strict-json.js';
import { BOUNDS, outcomeOf, patch } from './harness.js';

type Model = null | boolean | number | string | Model[] | Map<string, Model>;

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: Model;
}

const names = ['a', 'b', '0', '1', '', '~', '/', '__proto__', 'é"'];
const { tree } = fc.letrec<{ tree: Model; list: Model; object: Model }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4 }, fc.constantFrom<Model>(null, 1, -2.5, 'x', '\n', true), tie('list'), tie('object')),
  list: fc.array(tie('tree'), { maxLength: 4 }),
  object: fc
    .array(fc.tuple(fc.constantFrom(...names), tie('tree')), { maxLength: 5 })
    .map((members) => new Map(members)),
}));

/** Pointers that exist in the value, and where something could be added. */
function pointersIn(value: Model, before = ''): string[] {
  if (value instanceof Map) {
    return [...value].flatMap(([name, each]) => {
      const path = `${before}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      return [path, ...pointersIn(each, path)];
    });
  }
  if (!Array.isArray(value)) return [];
  const within = value.flatMap((each, at) => [`${before}/${at}`, ...pointersIn(each, `${before}/${at}`)]);
  return [...within, `${before}/-`, `${before}/${value.length}`];
}

class Missing extends Error {}

const tokensOf = (path: string) =>
  path
    .split('/')
    .slice(1)
    .map((each) => each.replaceAll('~1', '/').replaceAll('~0', '~'));

/** One operation on the model; throws `Missing` if it cannot be done. */
function step(root: Model, { op, path, from = '', value = null }: Operation): Model {
  const holder: Model[] = [structuredClone(root)];
  const find = (pointer: string): [Model, string] => {
    const tokens = ['0', ...tokensOf(pointer)];
    const last = tokens.pop() ?? '';
    return [tokens.reduce<Model>(get, holder), last];
  };
  const put = (pointer: string, part: Model): void => {
    const [parent, last] = find(pointer);
    if (parent instanceof Map) parent.set(last, part);
    else if (parent === holder) holder[0] = part;
    else if (!Array.isArray(parent)) throw new Missing();
    else {
      const at = last === '-' ? parent.length : Number(last);
      if (String(at) !== last && last !== '-') throw new Missing();
      if (at > parent.length) throw new Missing();
      parent.splice(at, 0, part);
    }
  };
  const take = (pointer: string): Model => {
    const [parent, last] = find(pointer);
    const found = get(parent, last);
    if (parent instanceof Map) parent.delete(last);
    else if (parent !== holder) (parent as Model[]).splice(Number(last), 1);
    return found;
  };
  const [parent, last] = find(op === 'move' || op === 'copy' ? from : path);
  if (op !== 'add') get(parent, last);
  if (op === 'add') put(path, value);
  if (op === 'remove') take(path);
  if (op === 'replace') {
    if (parent instanceof Map) parent.set(last, value);
    else (parent as Model[])[Number(last)] = value;
  }
  if (op === 'copy') put(path, structuredClone(get(parent, last)));
  if (op === 'move' && from !== path) put(path, take(from));
  if (op === 'test' && sorted(get(parent, last)) !== sorted(value)) throw new Missing();
  return holder[0] ?? null;
}

function get(parent: Model, token: string): Model {
  const found =
    parent instanceof Map
      ? parent.get(token)
      : Array.isArray(parent) && String(Number(token)) === token
        ? parent[Number(token)]
        : undefined;
  if (found === undefined) throw new Missing();
  return found;
}

function textOf(value: Model, order = (names: [string, Model][]) => names): string {
  if (Array.isArray(value)) return `[${value.map((each) => textOf(each, order)).join()}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const members = order([...value]).map(([name, each]) => `${JSON.stringify(name)}:${textOf(each, order)}`);
  return `{${members.join()}}`;
}

const sorted = (value: Model): string => textOf(value, (members) => members.sort(([a], [b]) => (a < b ? -1 : 1)));

/** Operations that are mostly possible: each is made for what the former ones left. */
const script = fc
  .tuple(tree, fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), tree), { maxLength: 12 }))
  .map(([start, choices]) => {
    const operations: Operation[] = [];
    let model: Model | undefined = start;
    for (const [kind, first, second, fresh] of choices) {
      const among = ['', ...pointersIn(model), '/a', '/b', '/0', '/nowhere/a', '/01'];
      const path = among[first % among.length] ?? '';
      const from = among[second % among.length] ?? '';
      const op = ['add', 'add', 'remove', 'replace', 'move', 'copy', 'copy', 'test'][kind % 8] ?? 'add';
      if ((op === 'remove' && path === '') || (op === 'move' && path.startsWith(`${from}/`))) continue;
      let value: Model = fresh;
      if (op === 'test') {
        try {
          value = tokensOf(path).reduce(get, model);
        } catch {
          // A test of what is not there.
        }
      }
      const operation = { op, path, from, value };
      operations.push(operation);
      try {
        model = step(model, operation);
      } catch (error) {
        if (!(error instanceof Missing)) throw error;
        return { start, operations, model: undefined };
      }
    }
    return { start, operations, model };
  });

const bodyOf = (operations: readonly Operation[]): string =>
  `[${operations.map(({ op, path, from = '', value = null }) => `{"op":"${op}","path":${JSON.stringify(path)},"from":${JSON.stringify(from)},"value":${textOf(value)}}`).join()}]`;

describe('random JSON patches', () => {
  it('do what the model does', () => {
    let done = 0;
    let failed = 0;
    fc.assert(
      fc.property(script, ({ start, operations, model }) => {
        const value = Buffer.from(textOf(start));
        const result = outcomeOf(applyJsonPatch(value, Buffer.from(bodyOf(operations)), BOUNDS));
        if (model === undefined) {
          failed += 1;
          expect(result).toMatchObject({ code: 'patch-failed', position: operations.length - 1 });
        } else {
          done += operations.length;
          expect(result).toBe(textOf(model));
        }
        expect(value.toString()).toBe(textOf(start));
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(done, failed)).toBeGreaterThan(300);
  });

  it('do the same at once as one by one', () => {
    fc.assert(
      fc.property(script, ({ start, operations, model }) => {
        fc.pre(model !== undefined);
        let text = textOf(start);
        for (const operation of operations) {
          const result = outcomeOf(applyJsonPatch(Buffer.from(text), Buffer.from(bodyOf([operation])), BOUNDS));
          if (typeof result !== 'string') throw new Error(result.message);
          text = result;
        }
        expect(patch(text, [])).toBe(textOf(model ?? null));
      }),
      { numRuns: 500 },
    );
  });
});

describe('hostile bytes', () => {
  const bits = fc.constantFrom(
    ...['{', '}', '[', ']', ',', ':', '"', '\\', 'null', 'true', '0', '-1', '1e9', '"a"', '"a":', '\\u0061', '\u0000'],
    ...[
      '"op":"add"',
      '"op":"copy"',
      '"op":"move"',
      '"op":"test"',
      '"path":"/a"',
      '"path":""',
      '"from":""',
      '"value":{}',
    ],
    ...['{"op":"copy","from":"","path":"/a"}', '{"op":"add","path":"/-","value":[]}', '"~"', '"/~2"', '\ud800', ' '],
  );
  const text = fc.array(bits, { maxLength: 20 }).map((parts) => Buffer.from(parts.join('')));
  const bytes = fc.oneof(text, fc.uint8Array({ maxLength: 40 }));

  it('never throw, and never make what could not be put', () => {
    fc.assert(
      fc.property(fc.option(bytes, { nil: undefined }), bytes, fc.boolean(), (value, body, isList) => {
        const wrapped = isList ? Buffer.concat([Buffer.from('['), body, Buffer.from(']')]) : body;
        for (const apply of [applyJsonPatch, applyMergePatch]) {
          const result = apply(value, wrapped, BOUNDS);
          if ('value' in result) expect(strictJsonError(Buffer.from(result.value), BOUNDS)).toBeUndefined();
          else
            expect(['wrong-type', 'patch-failed', 'value-too-large', 'invalid-request']).toContain(result.fault.code);
        }
        const parsed = parseJsonPatch(wrapped, BOUNDS);
        const applied = applyJsonPatch(Buffer.from('{}'), wrapped, BOUNDS);
        expect('fault' in applied && applied.fault.code === 'invalid-request').toBe('fault' in parsed);
        expect(jsonEquals(wrapped, body)).toBe(jsonEquals(body, wrapped));
      }),
      { numRuns: 3_000 },
    );
  });
});
