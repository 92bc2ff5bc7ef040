/** What `npm run jepsen` refuses before anything is started. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseOptions } from '../../scripts/jepsen/options.js';
import { cannotBeDone, FOLDER_KINDS } from '../../scripts/jepsen/kinds.js';
import { UsageError } from '../../scripts/support/usage.js';
import { run } from '../../scripts/jepsen/run.js';

const folder = mkdtempSync(join(tmpdir(), 'kvorum-jepsen-options-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const parsed = (...argv: string[]) => parseOptions(argv, () => 'fresh');

describe('--netns', () => {
  it.each(['links', 'slow-links', 'lossy-links,slow-links'])('refuses %s alone: it only cuts links', (faults) => {
    expect(() => parsed('--netns', '--faults', faults)).toThrow(UsageError);
    expect(() => parsed('--netns', '--faults', faults)).toThrow('--netns cannot do --faults');
    expect(parsed('--faults', faults).netns).toBe(false);
  });

  it('accepts them among others, and skips them', () => {
    expect(parsed('--netns').kinds).toContain('slow-links');
    const links = ['slow-links', 'lossy-links', 'narrow-links', 'pause'];
    expect(parsed('--netns', '--faults', 'links,pause').kinds).toEqual(links);
  });
});

describe('faults of data folders', () => {
  it("are part of 'all', and form a group", () => {
    expect(parsed().kinds).toEqual(expect.arrayContaining(['wiped-disk', 'rolled-back-disk', 'copied-node', 'stray']));
    expect(parsed('--faults', 'folder').kinds).toEqual([...FOLDER_KINDS]);
  });

  it('need three replicas: otherwise they are refused alone, and skipped among others', () => {
    const few = ['--nodes', '3', '--replicas', '2'];
    expect(() => parsed(...few, '--faults', 'wiped-disk,stray')).toThrow(
      '--faults wiped-disk, stray cannot be done: with --replicas 2',
    );
    expect(() => parsed('--nodes', '2', '--replicas', '2', '--faults', 'stray')).toThrow('needs at least --nodes 3');
    const options = parsed(...few, '--faults', 'wiped-disk,pause');
    expect([...cannotBeDone(options).keys()]).toEqual(['wiped-disk']);
    expect([...cannotBeDone({ ...options, replicas: 3 })]).toEqual([]);
  });

  it('that need a second process are not for --netns', () => {
    expect(() => parsed('--netns', '--faults', 'copied-node,stray')).toThrow('it starts one process for each node');
    expect(parsed('--netns', '--faults', 'copied-node,wiped-disk').kinds).toContain('wiped-disk');
  });
});

describe('--workload', () => {
  it('names what clients do', () => {
    for (const name of ['register', 'append', 'set', 'counter', 'list-append', 'bank', 'ttl'] as const) {
      expect(parsed('--workload', name).workload).toBe(name);
    }
    expect(() => parsed('--workload', 'txn')).toThrow(UsageError);
  });

  it('ttl leaves clock steps out beside faults that restart processes, and only then', () => {
    const skipped = (workload: string, faults: string) => [
      ...cannotBeDone(parsed('--workload', workload, '--faults', faults)).keys(),
    ];
    expect(skipped('ttl', 'clock,kill-all')).toEqual(['clock-steps']);
    expect(skipped('ttl', 'clock,failed-disk,partition')).toEqual(['clock-steps']);
    expect(skipped('ttl', 'clock,partition,pause,links')).toEqual([]);
    expect(skipped('ttl', 'kill')).toEqual([]);
    expect(skipped('bank', 'clock,kill-all')).toEqual([]);
    expect(parsed('--workload', 'ttl').kinds).toContain('clock-steps');
  });
});

describe('--history', () => {
  it.each([join(folder, 'absent', 'h.jsonl'), folder, ''])(
    '%j is refused before a cluster is started',
    async (path) => {
      let started = false;
      const running = run(parsed(`--history=${path}`), {
        startScene: () => {
          started = true;
          return Promise.reject(new Error('it was started'));
        },
        say: () => undefined,
        signal: new AbortController().signal,
        onJudging: () => undefined,
      });
      await expect(running).rejects.toThrow(UsageError);
      await expect(running).rejects.toThrow(`--history ${path}: it cannot be written there: `);
      expect(started).toBe(false);
    },
  );
});
