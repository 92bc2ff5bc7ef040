import { describe, expect, it } from 'vitest';
import { rollbackEvidence, type KnownBoot, type BootClaim } from '../../src/shard/node/rollback-detector.js';

const known: KnownBoot = { boot: 3, position: 100, process: 7, accused: 0 };
const next: BootClaim = { boot: 4, started: 100, process: 8, quarantined: 0 };

describe('s60 a boot of a node is rolled back', () => {
  for (const [what, stored, claim, isRolledBack] of [
    ['not if nothing is stored of the node', undefined, next, false],
    ['not if it starts where the previous boot ended', known, next, false],
    ['not if it starts after that', known, { ...next, started: 120 }, false],
    ['if its journal ends before a position that was sent', known, { ...next, started: 99 }, true],
    ['if another process had its boot number', known, { ...next, boot: 3, started: 200 }, true],
    ['if its folder is new', known, { ...next, boot: 1, started: 0 }, true],
    ['if it has another folder, with a higher boot number', { ...known, folder: 'a' }, { ...next, folder: 'b' }, true],
    ['not if it has the same folder', { ...known, folder: 'a' }, { ...next, folder: 'a' }, false],
    ['not if no folder was sent before', known, { ...next, folder: 'b' }, false],
    ['not if it sends no folder', { ...known, folder: 'a' }, next, false],
    ['not when the same process links again', { ...known, position: 900 }, { ...next, boot: 3, process: 7 }, false],
    ['again, while its folder records no quarantine since', { ...known, accused: 3 }, next, true],
    ['again, even when the same process links again', { ...known, accused: 3 }, { ...next, process: 7 }, true],
    ['no longer once its folder records a quarantine', { ...known, accused: 3 }, { ...next, quarantined: 4 }, false],
  ] as const) {
    it(what, () => {
      expect(rollbackEvidence(stored, claim) !== undefined).toBe(isRolledBack);
    });
  }
});
