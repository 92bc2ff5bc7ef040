/** A store in a real process that has run out of file descriptors: it waits, and continues without a restart. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { freshFolder, removeFoldersAfterEach } from './support/builders.js';
import { startIn } from './support/files.js';

const STARVED = fileURLToPath(new URL('./support/starved.ts', import.meta.url));

describe('a store without file descriptors', () => {
  removeFoldersAfterEach();

  it('delays commits that need one, continues when there are some, and checkpoints its WAL without any', async () => {
    const directory = freshFolder();
    const args = ['-c', 'ulimit -n 128; exec "$@"', 'bash', process.execPath, '--import', 'tsx', STARVED, directory];
    const lines = execFileSync('bash', args, { encoding: 'utf8' }).trim().split('\n');
    expect([...new Set(lines)]).toEqual([
      'used up: EMFILE',
      'unopened,,durable',
      'log of state.db is bounded: true',
      'closed',
    ]);
    expect((await startIn(directory)).view[1]?.log).toEqual(['3@1=xxxxxxxxxx']);
  }, 60_000);
});
