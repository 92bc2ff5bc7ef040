/** `cluster.json` is written completely or not at all. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkOptions } from '../../src/embedded/options.js';
import { readOrCreateConfig } from '../../src/embedded/cluster-config.js';
import { DistributedKeyValueStore, KvorumError } from '../../src/index.js';

/** A write that fails with `code` of the file system after some bytes were written. */
const cutShort = (code: string) => (file: string) => {
  writeFileSync(`${file}.new`, '{"format"');
  throw Object.assign(new Error(`${code}: text, write`), { code });
};

describe('the stored configuration of an embedded cluster', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  it('is written to a temporary file: one that a crash left incomplete is replaced', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kvorum-config-'));
    folders.push(dataDir);
    writeFileSync(join(dataDir, 'cluster.json.new'), '{"clusterId":"cut sh');
    const options = checkOptions({ nodes: 3, dataDir });
    expect(readOrCreateConfig(options, 'first').clusterId).toBe('first');
    expect(readdirSync(dataDir)).toEqual(['cluster.json']);
    expect(JSON.parse(readFileSync(join(dataDir, 'cluster.json'), 'utf8'))).toMatchObject({ clusterId: 'first' });
    expect(readOrCreateConfig(options, 'second').clusterId).toBe('first');
  });

  it.each([
    ['ENOSPC', 'disk-full', 'there is no room on its disk'],
    ['EDQUOT', 'disk-full', 'a quota of its disk is used up'],
    ['EROFS', 'storage-failed', 'its file system is read-only'],
    ['EACCES', 'storage-failed', 'this user has no permission'],
  ])('that cannot be written because of %s ends in %s, and leaves nothing behind', (code, expected, why) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-config-'));
    folders.push(folder);
    for (const dataDir of [join(folder, 'new', 'data'), folder]) {
      const options = checkOptions({ nodes: 3, dataDir });
      const message = `dataDir: the data folder ${dataDir} cannot be used: ${why} (${code}); nothing was written`;
      const error = { name: 'KvorumError', code: expected, outcome: 'not_applied', message };
      expect(() => readOrCreateConfig(options, 'first', cutShort(code))).toThrow(
        expect.objectContaining({ ...error, details: { field: 'dataDir' } }),
      );
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('passes on an error that is not of the file system', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-config-'));
    folders.push(folder);
    const options = checkOptions({ nodes: 3, dataDir: join(folder, 'data') });
    const defect = new TypeError('of ours');
    expect(() =>
      readOrCreateConfig(options, 'first', () => {
        throw defect;
      }),
    ).toThrow(defect);
    const unheardOf = Object.assign(new Error('EIO: text'), { code: 'EIO' });
    expect(() =>
      readOrCreateConfig(options, 'first', () => {
        throw unheardOf;
      }),
    ).toThrow(unheardOf);
  });

  it.each([
    ['data', 'it is not a folder \\(EEXIST\\)'],
    ['data/below', 'part of its path is not a folder \\(ENOTDIR\\)'],
  ])('cannot be created where a file is in the way: %s', (path, why) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-config-'));
    folders.push(folder);
    writeFileSync(join(folder, 'data'), '');
    const open = () => new DistributedKeyValueStore({ nodes: 3, dataDir: join(folder, path) });
    expect(open).toThrow(KvorumError);
    expect(open).toThrow(new RegExp(`cannot be used: ${why}; nothing was written$`));
  });

  it.each([
    ['', 'is no JSON object'],
    ['{"clusterId":"cut sh', 'is no JSON object'],
    ['[]', 'is no JSON object'],
    ['null', 'is no JSON object'],
    ['{"format":"one","clusterId":"c"}', 'holds no valid nodes'],
    ['{"clusterId":"c","nodes":-3,"replicas":3,"shards":16}', 'holds no valid nodes'],
    ['{"nodes":3,"replicas":3,"shards":16}', 'holds no valid clusterId'],
  ])('that is damaged is refused with its path and advice: %s', (text, what) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kvorum-config-'));
    folders.push(dataDir);
    const file = join(dataDir, 'cluster.json');
    writeFileSync(file, text);
    const open = () => new DistributedKeyValueStore({ nodes: 3, dataDir });
    expect(open).toThrow(KvorumError);
    expect(open).toThrow(`dataDir: ${file} is damaged, it ${what}; nothing was written; restore it from a copy`);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('has a format number; without one it is of the first format; one of a later build is refused by name', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kvorum-config-'));
    folders.push(dataDir);
    const options = checkOptions({ nodes: 3, dataDir });
    readOrCreateConfig(options, 'first');
    const file = join(dataDir, 'cluster.json');
    const { format, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(format).toBe(1);
    writeFileSync(file, JSON.stringify({ ...rest, unheardOf: true }));
    expect(readOrCreateConfig(options, 'second').clusterId).toBe('first');
    writeFileSync(file, JSON.stringify({ ...rest, format: 2 }));
    const what = 'cluster.json format 2 is unknown to this build, which reads 1; a later build wrote it';
    expect(() => readOrCreateConfig(options, 'third')).toThrow(what);
  });
});
