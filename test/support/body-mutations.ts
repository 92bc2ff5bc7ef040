/**
 * Bodies of batches, transactions and patches for fuzzers: valid ones, those that a mutation has made nearly valid, and
 * bytes. Numbers beyond 2^53 and with a point are written as they are (`Raw`), which `JSON.stringify` cannot.
 */
import fc from 'fast-check';

/** JSON text that stands in a document as it is. */
class Raw {
  constructor(readonly text: string) {}
}

export type Node = null | boolean | number | string | Raw | readonly Node[] | { readonly [name: string]: Node };
type Members = Readonly<Record<string, Node>>;

const isMembers = (node: Node): node is Members =>
  node !== null && typeof node === 'object' && !Array.isArray(node) && !(node instanceof Raw);

export function write(node: Node): string {
  if (node instanceof Raw) return node.text;
  if (Array.isArray(node)) return `[${node.map((each: Node) => write(each)).join(',')}]`;
  if (!isMembers(node)) return JSON.stringify(node);
  const members = Object.entries(node).map(([name, value]) => `${JSON.stringify(name)}:${write(value)}`);
  return `{${members.join(',')}}`;
}

const raw = (...texts: readonly string[]): fc.Arbitrary<Raw> => fc.constantFrom(...texts.map((text) => new Raw(text)));
const integer = raw('0', '1', '-1', '7', '9007199254740993', '9223372036854775807', '-9223372036854775808');
const ttl = fc.constantFrom('15m', '24h', '3650d');
const base64 = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const name = fc.constantFrom('a', 'b', 'c', '', '__proto__', 'ä/ü', '{t}x');
/** Members that may be there. */
const optional = (record: Readonly<Record<string, fc.Arbitrary<Node>>>): fc.Arbitrary<Members> =>
  fc.record(record, { requiredKeys: [] }) as fc.Arbitrary<Members>;

const keyed: fc.Arbitrary<Members> = fc.oneof(
  name.map((key) => ({ key })),
  fc.constantFrom<Node>('a', ['a', 1], null, { b: 1 }, 1.5).map((key) => ({ key, key_type: 'json' })),
  fc
    .uint8Array({ maxLength: 5 })
    .map((key) => ({ key: Buffer.from(key).toString('base64url'), key_type: 'base64url' })),
);
const condition: fc.Arbitrary<Members> = fc.oneof(
  fc.constantFrom<Members>({ absent: true }, { exists: true }),
  fc.nat(20).map((revision) => ({ revision })),
);
const common = optional({ if: condition, return: fc.constantFrom('representation', 'previous') });
const json: fc.Arbitrary<Node> = fc.oneof(
  fc.constantFrom<Node>(null, true, '', 'text', 0, [], {}, { a: [1, { b: 'c' }] }),
  raw('1.10', '1e2', '12345678901234567890', '{"a" : 1}'),
);
const pointer = fc.constantFrom('', '/a', '/a/0', '/a/-', '/b', '/a/1/b');
const jsonPatch: fc.Arbitrary<Node> = fc.array(
  fc.oneof(
    fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path: pointer, value: json }),
    fc.record({ op: fc.constant('remove'), path: fc.constantFrom('/a', '/b') }),
    fc.record({ op: fc.constant('copy'), path: pointer, from: pointer }),
  ),
  { maxLength: 3 },
);
export const incrementFields: fc.Arbitrary<Members> = fc
  .tuple(integer, optional({ initial: integer, clamp: fc.boolean(), ttl }), optional({ max: integer }))
  .map(([by, more, bound]) => ({ by, ...more, ...bound }));
export const touchFields: fc.Arbitrary<Members> = fc.oneof(ttl, fc.constant(null)).map((each) => ({ ttl: each }));
const value: fc.Arbitrary<Members> = fc.oneof(
  json.map((each) => ({ value: each })),
  base64.map((value_base64) => ({ value_base64, content_type: 'image/x' })),
);

const change: fc.Arbitrary<Members> = fc.oneof(
  fc
    .tuple(value, optional({ ttl: fc.oneof(ttl, fc.constant('keep')) }))
    .map(([v, more]) => ({ op: 'put', ...v, ...more })),
  fc.constant<Members>({ op: 'delete' }),
  incrementFields.map((fields) => ({ op: 'increment', ...fields })),
  fc
    .oneof(
      fc.string().map((v) => ({ value: v })),
      base64.map((v) => ({ value_base64: v })),
    )
    .map((v) => ({ op: 'append', ...v })),
  json.map((patch) => ({ op: 'patch', patch })),
  jsonPatch.map((patch) => ({ op: 'patch', patch, content_type: 'application/json-patch+json' })),
  incrementFields.map((patch) => ({ op: 'patch', patch, content_type: 'application/vnd.kvorum.increment+json' })),
  touchFields.map((fields) => ({ op: 'touch', ...fields })),
);
const operation: fc.Arbitrary<Members> = fc.oneof(
  keyed.map((key) => ({ op: 'get', ...key })),
  fc.tuple(change, keyed, common).map(([fields, key, more]) => ({ ...fields, ...key, ...more })),
);
const comparison: fc.Arbitrary<Members> = fc
  .tuple(
    keyed,
    fc.oneof(
      condition,
      fc.nat(9).map((version) => ({ version })),
      fc.nat(9).map((unchanged_since) => ({ unchanged_since })),
      json.map((each) => ({ value: each })),
      base64.map((value_base64) => ({ value_base64 })),
    ),
  )
  .map(([key, compared]) => ({ ...key, ...compared }));

const operations = fc.array(operation, { minLength: 1, maxLength: 4 });
export const validBatch: fc.Arbitrary<Node> = operations.map((ops) => ({ ops }));
export const validTransaction: fc.Arbitrary<Node> = fc
  .tuple(
    operations,
    optional({
      if: fc.array(comparison, { maxLength: 3 }),
      else: operations,
      on_error: fc.constantFrom('fail', 'continue'),
    }),
  )
  .map(([then, more]) => ({ then, ...more }));
/** Puts of JSON under strings, and nothing else. */
const plainPuts: fc.Arbitrary<Node> = fc.array(fc.record({ op: fc.constant('put'), key: name, value: json }), {
  maxLength: 4,
});
export const plainBatch: fc.Arbitrary<Node> = plainPuts.map((ops) => ({ ops }));
export const plainTransaction: fc.Arbitrary<Node> = plainPuts.map((then) => ({ then }));
export const validPatches = {
  'application/merge-patch+json': json,
  'application/json-patch+json': jsonPatch,
  'application/vnd.kvorum.increment+json': incrementFields,
  'application/vnd.kvorum.touch+json': touchFields,
} satisfies Record<string, fc.Arbitrary<Node>>;

/** What is put in the place of a part, or added beside it. */
const ODD: fc.Arbitrary<Node> = fc.oneof(
  fc.constantFrom<Node>(null, true, false, '', 'text', [], {}, [[]], { __proto: 1 }, -1, 0, 1.5, '1e3'),
  raw('-0', '1.0', '1e3', '01', '9223372036854775808', '-9223372036854775809', '281474976710656', '1e400', 'NaN'),
  raw('"\\ud800"', '"\\u0000"', '{"a":1,"a":2}', '[1,]', '"a\nb"', `${'['.repeat(300)}${']'.repeat(300)}`),
  raw('"YQ"', '"YQ= ="', '"0s"', '"-1s"', '"1s "', '9'.repeat(40)),
);
const NAMES = [
  'op',
  'ops',
  'key',
  'key_type',
  'value',
  'value_base64',
  'content_type',
  'ttl',
  'if',
  'by',
  'min',
  'max',
];
const MORE_NAMES = ['clamp', 'patch', 'then', 'else', 'revision', 'absent', 'version', 'return', '__proto__', 'x', ''];
const anyName = fc.constantFrom(...NAMES, ...MORE_NAMES);

type Change = (node: Node) => Node;
const changes: fc.Arbitrary<Change> = fc.oneof(
  ODD.map(
    (odd): Change =>
      () =>
        odd,
  ),
  fc.tuple(anyName, ODD).map(([added, odd]): Change => (node) => {
    if (Array.isArray(node)) return [...(node as readonly Node[]), odd];
    return isMembers(node) ? { ...node, [added]: odd } : odd;
  }),
  fc.nat(9).map((at): Change => (node) => {
    if (Array.isArray(node)) return (node as readonly Node[]).filter((_, index) => index !== at % node.length);
    return isMembers(node) ? Object.fromEntries(Object.entries(node).filter((_, index) => index !== at)) : [node];
  }),
  fc.tuple(fc.nat(9), anyName).map(([at, other]): Change => (node) => {
    if (!isMembers(node)) return { [other]: node };
    return Object.fromEntries(Object.entries(node).map(([old, each], index) => [index === at ? other : old, each]));
  }),
);

/** Changes one part, which `path` leads to as far as there are parts. */
function changed(node: Node, path: readonly number[], change: Change): Node {
  const [at = 0, ...rest] = path;
  if (path.length === 0) return change(node);
  if (Array.isArray(node) && node.length > 0) {
    return node.map((each: Node, index) => (index === at % node.length ? changed(each, rest, change) : each));
  }
  if (!isMembers(node)) return change(node);
  const entries = Object.entries(node);
  if (entries.length === 0) return change(node);
  return Object.fromEntries(
    entries.map(([key, each], index) => [key, index === at % entries.length ? changed(each, rest, change) : each]),
  );
}

const SPLICES = ['', '{', '}', '[', ']', ',', ':', '"', '\\', '\0', '\n', '\ufeff', 'e', '-', '.', '0', 'null', '\xff'];
const splice = fc.record({ at: fc.nat(300), remove: fc.nat(3), added: fc.constantFrom(...SPLICES) });

function spliced(body: Buffer, { at, remove, added }: { at: number; remove: number; added: string }): Buffer {
  const place = body.length === 0 ? 0 : at % body.length;
  return Buffer.concat([body.subarray(0, place), Buffer.from(added, 'latin1'), body.subarray(place + remove)]);
}

/** Valid bodies, nearly valid ones, and any JSON or bytes at all. */
export function bodies(valid: fc.Arbitrary<Node>): fc.Arbitrary<Buffer> {
  const path = fc.array(fc.nat(9), { maxLength: 4 });
  const text = (node: Node): Buffer => Buffer.from(write(node));
  const mutated = fc.tuple(valid, path, changes).map(([node, to, change]) => text(changed(node, to, change)));
  return fc.oneof(
    { weight: 2, arbitrary: valid.map(text) },
    { weight: 6, arbitrary: mutated },
    { weight: 3, arbitrary: fc.tuple(valid.map(text), splice).map(([body, change]) => spliced(body, change)) },
    { weight: 1, arbitrary: fc.oneof(fc.json(), fc.string({ unit: 'binary' })).map((each) => Buffer.from(each)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  );
}
