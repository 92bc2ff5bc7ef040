/**
 * A disk whose power can be cut: an xfs file system in a file, mounted through a loop device of its own.
 *
 * What is modelled. The image file is the disk; what counts is what the file system has handed to the loop device.
 *   - A write that no fsync followed sits in the page cache of the mounted xfs, and new metadata in its log in memory.
 *     `cut` ends that file system with XFS_IOC_GOINGDOWN and XFS_FSOP_GOING_FLAGS_NOLOGFLUSH (`xfs_io -x -c shutdown`
 *     without -f): from that moment on no byte of either reaches the image, neither by write-back nor by the unmount.
 *   - An fsync has written the data to the loop device and forced the log before it returned: that is in the image.
 *   - `replaceByCopy` goes on with a copy of the image file, made after the cut, under a new loop device: no cache of
 *     the old mount or the old device can serve anything. Mounting it replays the log, as a machine does at its boot.
 * What is not. The image has no volatile cache: what was handed to the device without a flush survives, so a missing
 * flush of the disk itself is not detected, nor a disk that ignores flushes. The page cache of the image file is the
 * host's, which does not lose power; the copy reads it. Sectors are not torn.
 *
 * Every cut is verified: one file is written and synced before it (`leaveSyncedTrace`), and one is written at the last
 * moment without a sync (`leaveUnsyncedTrace`); after the cut the first must be there and the second not (`traces`).
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { command } from '../support/command.js';

/** Sparse; mkfs.xfs refuses less than 300 MiB. */
const IMAGE_BYTES = 1024 ** 3;
const TRACE = 'kvorum-power-cut-trace';

export class Image {
  /** Where it is mounted. */
  readonly folder: string;
  readonly #file: string;
  #mounted = false;
  #trace = '';

  /** Makes nothing yet. @param place a folder of the script's own; the image and its mount point are made in it. */
  constructor(place: string, name: string) {
    this.#file = join(place, `${name}.img`);
    this.folder = join(place, name);
  }

  /** A new, empty file system. @throws Error where this machine cannot do that. */
  make(): void {
    mkdirSync(this.folder, { recursive: true });
    closeSync(openSync(this.#file, 'wx', 0o600));
    truncateSync(this.#file, IMAGE_BYTES);
    command('mkfs.xfs', '-q', this.#file);
    this.#mount();
  }

  /** Writes and syncs a file that has to survive the next cut; `mark` distinguishes this cut from others. */
  leaveSyncedTrace(mark: string): void {
    this.#trace = mark;
    this.#write('synced', true);
  }

  /** To be called last before the cut: writes a file that must not survive it. */
  leaveUnsyncedTrace(): void {
    this.#write('unsynced', false);
  }

  /** Cuts the power. Processes that still write get errors, so they have to be stopped before. */
  cut(): void {
    command('xfs_io', '-x', '-c', 'shutdown', this.folder);
  }

  /**
   * Mounts a copy of what is left after a cut, in place of the image. No process may have files open in it any more.
   */
  replaceByCopy(): void {
    const copy = `${this.#file}.copy`;
    command('cp', '--sparse=always', '--reflink=never', this.#file, copy);
    this.#unmount();
    renameSync(copy, this.#file);
    this.#mount();
  }

  /** Why it was no power cut, judged by the traces that are left; undefined if it was one. */
  traces(): string | undefined {
    if (this.#read('synced') !== this.#trace) return 'a synced file did not survive: the disk lost more than power';
    if (this.#read('unsynced') === this.#trace) return 'an unsynced file survived: no power was cut, or all was synced';
    return undefined;
  }

  /** Unmounts and deletes it; tolerates that some or all of it was never made. */
  remove(): void {
    if (this.#mounted) this.#unmount();
    for (const file of [this.#file, `${this.#file}.copy`]) rmSync(file, { force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }

  #mount(): void {
    // Set first, so that an interrupted mount is undone at the end.
    this.#mounted = true;
    // mount makes the loop device, and the unmount removes it.
    command('mount', '-t', 'xfs', '-o', 'loop,noatime', this.#file, this.folder);
  }

  #unmount(): void {
    if (isMountPoint(this.folder)) command('umount', this.folder);
    this.#mounted = false;
  }

  #write(kind: string, sync: boolean): void {
    const fd = openSync(join(this.folder, `${TRACE}-${kind}`), 'w', 0o600);
    try {
      writeSync(fd, this.#trace);
      if (sync) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  #read(kind: string): string | undefined {
    try {
      return readFileSync(join(this.folder, `${TRACE}-${kind}`), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function isMountPoint(folder: string): boolean {
  const escaped = folder.replaceAll(' ', '\\040');
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === escaped);
}
