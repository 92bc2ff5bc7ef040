/** What one transaction of the journal is made of. Knows requests and the journal's port; knows no order and no replies. */
import { crc32c } from '../journal/crc32c.js';
import type { JournalFile } from '../files.js';
import type { CopyPart } from '../journal/journal-index.js';
import { decodeRow, encodeRow } from '../journal/row.js';
import { corruption } from '../journal/recovery.js';
import type { Request } from './protocol.js';

type Of<T extends Request['type']> = Extract<Request, { readonly type: T }>;
/** Taken in order; `checkpoint` and `trim` write elsewhere, but only once all that was asked before is durable. */
export type OrderedRequest = Of<'commit' | 'copy' | 'meta' | 'checkpoint' | 'truncate'>;

/** What makes room in the journal: it need not wait for commits that wait for room. */
export const freesSpace = ({ type }: OrderedRequest): boolean => type === 'checkpoint' || type === 'truncate';

/** Writes what belongs into the journal in one transaction; nothing at all if nothing does. */
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
    // A copy would give the damage a checksum that fits.
    if (crc32c(row.data) !== row.crc) throw corruption(`journal.db: row ${seq} is damaged`);
    const record = decodeRow(row.data).find((r) => r.group === group);
    return (record?.entries ?? []).filter(({ index }) => index >= first && index <= last);
  });
  return { group, hardState: undefined, entries };
}
