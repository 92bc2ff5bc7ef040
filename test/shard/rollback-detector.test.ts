import { describe, expect, it } from 'vitest';
import { rollbackEvidence, type KnownBoot, type BootClaim } from '../../src/shard/node/rollback-detector.js';

const known: KnownBoot = { boot: 3, position: 100, process: 7, accused: 0 };
const next: BootClaim = { boot: 4, started: 100, process: 8, quarantined: 0 };

describe('s60 a life of a node is accused', () => {
  for (const [what, remembered, claim, isAccused] of [
    ['not if nothing is known of it', undefined, next, false],
    ['not if it starts where the one before it ended', known, next, false],
    ['not if it starts behind that', known, { ...next, started: 120 }, false],
    ['if its journal ends before what was told', known, { ...next, started: 99 }, true],
    ['if another process had its boot', known, { ...next, boot: 3, started: 200 }, true],
    ['if its folder is new', known, { ...next, boot: 1, started: 0 }, true],
    ['if it is of another folder, started more often', { ...known, folder: 'a' }, { ...next, folder: 'b' }, true],
    ['not if it is of the same folder', { ...known, folder: 'a' }, { ...next, folder: 'a' }, false],
    ['not if nobody said a folder before', known, { ...next, folder: 'b' }, false],
    ['not if it says no folder', { ...known, folder: 'a' }, next, false],
    ['not when the same process links again', { ...known, position: 900 }, { ...next, boot: 3, process: 7 }, false],
    ['again, while it has not kept that it was', { ...known, accused: 3 }, next, true],
    ['again, also when the same process links again', { ...known, accused: 3 }, { ...next, process: 7 }, true],
    ['not any more once it was in quarantine', { ...known, accused: 3 }, { ...next, quarantined: 4 }, false],
  ] as const) {
    it(what, () => {
      expect(rollbackEvidence(remembered, claim) !== undefined).toBe(isAccused);
    });
  }
});
