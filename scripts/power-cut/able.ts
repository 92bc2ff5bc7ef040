/** Checks whether this machine can cut the power of such a disk, by trying it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled } from '../support/command.js';
import { Image } from './image.js';
import { messageOf } from '../../src/thrown.js';

const PROGRAMS = {
  'mkfs.xfs': 'xfsprogs',
  xfs_io: 'xfsprogs',
  mount: 'mount',
  umount: 'mount',
  unshare: 'util-linux',
  cp: 'coreutils',
};

/** Undefined if it can; else why not, as the end of "needs …". */
export function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux') return `Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'root, to mount disk images of its own';
  for (const [program, debianPackage] of Object.entries(PROGRAMS)) {
    if (!isInstalled(program)) return `${program} (Debian package ${debianPackage})`;
  }
  const place = mkdtempSync(join(tmpdir(), 'kvorum-power-'));
  const image = new Image(place, 'try');
  try {
    image.make();
    return undefined;
  } catch (error) {
    return `loop-mounted xfs images, and this machine says: ${messageOf(error)}`;
  } finally {
    image.remove();
    rmSync(place, { recursive: true, force: true });
  }
}
