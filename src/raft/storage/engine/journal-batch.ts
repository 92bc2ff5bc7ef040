/** Turns a batch of requests into one transaction of the journal. */
import { crc32c } from '../journal/crc32c.js';
import type { JournalFile } from '../files.js';
import type { CopyPart } from '../journal/journal-index.js';
import { decodeRow, encodeRow } from '../journal/row.js';
import { corruption } from '../journal/recovery.js';
import type { Request } from './protocol.js';

type Of<T extends Request['type']> = Extract<Request, { readonly type: T }>;
/**
 * Executed in order; `checkpoint` and `truncate` do not write here, but start only once all earlier requests are
 * durable.
 */
export type OrderedRequest = Of<'commit' | 'copy' | 'meta' | 'checkpoint' | 'truncate'>;

/** Requests that free space in the journal: they need not wait behind commits that wait for space. */
export const freesSpace = ({ type }: OrderedRequest): boolean => type === 'checkpoint' || type === 'truncate';

/** Writes the requests that go into the journal in one transaction; without such requests, none. */
export function writeBatch(journal: JournalFile, batch: readonly OrderedRequest[], mayFill: boolean): void {
  if (batch.every(freesSpace)) return;
  journal.transaction(() => {
    for (const request of batch) write(journal, request);
  }, mayFill);
}

function write(journal: JournalFile, request: OrderedRequest): void {
  switch (request.type) {
    case 'commit':
      journal.append(request.seq, request.data);
      return;
    case 'copy':
      journal.append(request.seq, encodeRow(request.parts.map((part) => collect(journal, part))));
      return;
    case 'meta':
      journal.putMeta(request.name, request.value);
      return;
    case 'checkpoint':
    case 'truncate':
  }
}

function collect(journal: JournalFile, { group, segments }: CopyPart): Parameters<typeof encodeRow>[0][number] {
  const entries = segments.flatMap(({ seq, first, last }) => {
    const row = journal.row(seq);
    // Copying damaged bytes would give them a valid checksum.
    if (crc32c(row.data) !== row.crc) throw corruption(`journal.db: row ${seq} is damaged`);
    const record = decodeRow(row.data).find((r) => r.group === group);
    return (record?.entries ?? []).filter(({ index }) => index >= first && index <= last);
  });
  return { group, hardState: undefined, entries };
}
