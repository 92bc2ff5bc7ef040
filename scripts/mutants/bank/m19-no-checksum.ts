/**
 * M19: the checksum of a journal row is not checked: a corrupt row is read back as data (compare etcd #6379).
 */
import type { Mutant } from '../mutant.js';

export const m19: Mutant = {
  id: 'M19',
  title: 'a damaged row is accepted (no checksum)',
  caughtBy: ['sim', 'files'],
  edits: [
    {
      file: 'src/raft/storage/journal/recovery.ts',
      find: `if (crc === row.crc) return this.#decodeWhole(row);`,
      replace: `if (crc >= 0) return this.#decodeWhole(row);`,
    },
  ],
};
