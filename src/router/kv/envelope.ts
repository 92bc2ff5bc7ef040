/**
 * A record as JSON: `value` or `value_base64`, content type, revisions, deadline. Text is put together in pieces, since
 * JSON values go in byte for byte: parsed and written again, long numbers would lose digits.
 */
import { parse as parseContentType } from 'content-type';
import { writtenContentType, type KeyRecord } from '../../shard/index.js';
import { keyAsJson, type NamedKey } from './key.js';

export type JsonPieces = (string | Uint8Array)[];

const JSON_TYPE = 'application/json';

/** RFC 3339, in UTC with milliseconds. */
export const timeText = (ms: number): string => new Date(ms).toISOString();

/** `"key":…`, and `"key_type":…` unless it is a string. */
export function keyMembers(named: NamedKey): string {
  const type = named.type === 'string' ? '' : `,"key_type":"${named.type}"`;
  return `"key":${keyAsJson(named)}${type}`;
}

/** `"value":…,"content_type":…` and so on, without braces. */
export function recordMembers(record: KeyRecord, shard: number): JsonPieces {
  const { isJson, text: contentType } = writtenType(record.contentType);
  const expiry = record.expiresAtMs === undefined ? '' : `"expires_at":"${timeText(record.expiresAtMs)}",`;
  const tail =
    `,"content_type":${contentType},"revision":${record.revision},` +
    `"create_revision":${record.createRevision},"version":${record.version},${expiry}"shard":${shard}`;
  const body = Buffer.from(record.body.buffer, record.body.byteOffset, record.body.byteLength);
  if (isJson) return [`"value":`, body, tail];
  return [`"value_base64":"${body.toString('base64')}"${tail}`];
}

interface WrittenType {
  readonly isJson: boolean;
  /** As JSON. */
  readonly text: string;
}

/** Of the last record: most of a page have the same, and to parse it takes longer than all else of a short record. */
let lastType: { readonly stored: string; readonly written: WrittenType } | undefined;

function writtenType(stored: string): WrittenType {
  if (lastType?.stored === stored) return lastType.written;
  const contentType = writtenContentType(stored);
  const isJson = parseContentType(contentType, { parameters: false }).type === JSON_TYPE;
  const written = { isJson, text: JSON.stringify(contentType) };
  lastType = { stored, written };
  return written;
}

/** `{key,value|value_base64,content_type,revision,create_revision,version,shard}` */
export const envelope = (named: NamedKey, record: KeyRecord, shard: number): Buffer =>
  joined([`{${keyMembers(named)},`, ...recordMembers(record, shard), '}']);

/** Neighbouring texts become one buffer. */
export function joined(pieces: Readonly<JsonPieces>): Buffer {
  const buffers: Uint8Array[] = [];
  let text = '';
  for (const piece of pieces) {
    if (typeof piece === 'string') text += piece;
    else {
      buffers.push(Buffer.from(text), piece);
      text = '';
    }
  }
  if (buffers.length === 0) return Buffer.from(text);
  buffers.push(Buffer.from(text));
  return Buffer.concat(buffers);
}
