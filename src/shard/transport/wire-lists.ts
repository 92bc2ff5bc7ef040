/** Lists and their answers on the wire (`list.ts`), since version 3. Keys and bodies are read as views into the frame. */
import { encodeErrorOf } from '../bounds.js';
import { FORMATS, namesOf, unknownNumber } from '../formats.js';
import type { List, ListContent, ListItem } from '../list.js';
import type { Namespace } from '../namespace.js';
import { boundOf, type Answer, type Consistency } from '../operation.js';
import { readRecord, writeRecord } from '../record-codec.js';
import { readLimits, writeLimits } from '../step-fields.js';
import { readBound, writeBound } from './wire-bound.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';

const CONTENTS: readonly ListContent[] = namesOf(FORMATS.listContent);
const CONSISTENCIES: readonly Consistency[] = namesOf(FORMATS.consistency);
const ITEMS = FORMATS.listItem.numbers satisfies Record<ListItem['type'], number>;

const HAS_END = 1;
const IS_REVERSE = 2;
const HAS_GROUPING = 4;
const HAS_VIEW = 8;
const HAS_REST = 1;
const IS_OF_VIEW = 2;
const IS_LAST = 1;

type ListAnswer = Extract<Answer, { type: 'list' }>;

/** The shard stands in the request. */
export function writeList(out: WireWriter, list: List): void {
  const { from, to, reverse, grouping, view } = list;
  const bounds = (to === undefined ? 0 : HAS_END) | (reverse ? IS_REVERSE : 0);
  out.u8(bounds | (grouping === undefined ? 0 : HAS_GROUPING) | (view === undefined ? 0 : HAS_VIEW));
  out.u8(CONTENTS.indexOf(list.content));
  out.u8(CONSISTENCIES.indexOf(list.consistency));
  out.u32(list.rows);
  out.u32(list.bytes);
  out.shortBytes(from);
  if (to !== undefined) out.shortBytes(to);
  if (grouping !== undefined) {
    out.u16(grouping.prefixBytes);
    out.shortBytes(grouping.delimiter);
  }
  writeBound(out, boundOf(list));
  if (view === undefined) return;
  out.u48(view.id);
  out.u8(view.isLast ? IS_LAST : 0);
}

export function readList(input: WireReader, shard: number): List {
  const flags = input.flags(HAS_END | IS_REVERSE | HAS_GROUPING | HAS_VIEW);
  const content = named(FORMATS.listContent, CONTENTS, input.u8());
  const consistency = named(FORMATS.consistency, CONSISTENCIES, input.u8());
  const rows = input.u32();
  const bytes = input.u32();
  const from = input.shortBytes();
  const to = (flags & HAS_END) === 0 ? undefined : input.shortBytes();
  const grouping =
    (flags & HAS_GROUPING) === 0 ? undefined : { prefixBytes: input.u16(), delimiter: input.shortBytes() };
  const bound = readBound(input, consistency);
  const view = (flags & HAS_VIEW) === 0 ? {} : { view: { id: input.u48(), isLast: input.flags(IS_LAST) !== 0 } };
  const reverse = (flags & IS_REVERSE) !== 0;
  const list: List = {
    type: 'list',
    shard,
    from,
    to,
    reverse,
    content,
    grouping,
    rows,
    bytes,
    consistency,
    ...bound,
    ...view,
  };
  const fault = encodeErrorOf(list);
  if (fault !== undefined) throw new WireError(fault.message);
  return list;
}

export function writeListAnswer(out: WireWriter, answer: ListAnswer): void {
  out.u48(answer.revision);
  out.u48(answer.count);
  out.u8((answer.rest === undefined ? 0 : HAS_REST) | (answer.view === undefined ? 0 : IS_OF_VIEW));
  if (answer.rest !== undefined) out.shortBytes(answer.rest);
  if (answer.view !== undefined) out.u48(answer.view);
  out.u32(answer.items.length);
  for (const item of answer.items) {
    out.u8(ITEMS[item.type]);
    out.shortBytes(item.key);
    if (item.type === 'record') writeRecord(out, item.record);
    if (item.type === 'namespace') writeNamespace(out, item.namespace);
  }
}

export function readListAnswer(input: WireReader): ListAnswer {
  const revision = input.u48();
  const count = input.u48();
  const flags = input.flags(HAS_REST | IS_OF_VIEW);
  const rest = (flags & HAS_REST) === 0 ? undefined : input.shortBytes();
  const view = (flags & IS_OF_VIEW) === 0 ? {} : { view: input.u48() };
  const items: ListItem[] = [];
  // An item at a time: the number alone must not make room for anything.
  for (let left = input.u32(); left > 0; left -= 1) items.push(readItem(input));
  return { type: 'list', revision, items, count, rest, ...view };
}

function readItem(input: WireReader): ListItem {
  const number = input.u8();
  const key = input.shortBytes();
  switch (number) {
    case ITEMS.record:
      return { type: 'record', key, record: readRecord(input) };
    case ITEMS.key:
      return { type: 'key', key };
    case ITEMS.deferred:
      return { type: 'deferred', key };
    case ITEMS.prefix:
      return { type: 'prefix', key };
    case ITEMS.namespace:
      return { type: 'namespace', key, namespace: readNamespace(input) };
    default:
      throw new WireError(unknownNumber(FORMATS.listItem, number));
  }
}

function writeNamespace(out: WireWriter, namespace: Namespace): void {
  out.u48(namespace.createRevision);
  out.u48(namespace.revision);
  out.u48(namespace.keys);
  out.u48(namespace.bytes);
  writeLimits(out, namespace);
}

function readNamespace(input: WireReader): Namespace {
  const createRevision = input.u48();
  const revision = input.u48();
  const keys = input.u48();
  const bytes = input.u48();
  return { createRevision, revision, keys, bytes, ...readLimits(input) };
}

function named<Name extends string>(
  format: Parameters<typeof unknownNumber>[0],
  names: readonly Name[],
  number: number,
): Name {
  const name = names[number];
  if (name === undefined) throw new WireError(unknownNumber(format, number));
  return name;
}
