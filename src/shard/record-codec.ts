/** A record in the answers of programs and lists: metadata, deadline, content type, body. */
import type { ByteReader, ByteWriter } from './byte-buffer.js';
import type { KeyRecord } from './operation.js';

const HAS_EXPIRY = 1;

export function writeRecord(out: ByteWriter, record: KeyRecord): void {
  out.u8(record.expiresAtMs === undefined ? 0 : HAS_EXPIRY);
  out.u48(record.revision);
  out.u48(record.createRevision);
  out.u48(record.version);
  if (record.expiresAtMs !== undefined) out.u48(record.expiresAtMs);
  out.ascii(record.contentType);
  out.longBytes(record.body);
}

export function readRecord(input: ByteReader): KeyRecord {
  const hasExpiry = input.flags(HAS_EXPIRY) !== 0;
  const revision = input.u48();
  const createRevision = input.u48();
  const version = input.u48();
  const expiry = hasExpiry ? { expiresAtMs: input.u48() } : {};
  const contentType = input.ascii();
  return { revision, createRevision, version, ...expiry, contentType, body: input.longBytes() };
}
