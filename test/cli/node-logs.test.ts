import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeLog, logFolder } from '../../src/cli/node-logs.js';

let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'kvorum-logs-'));
});
afterEach(() => {
  rmSync(data, { recursive: true, force: true });
});

const read = (name: string): string => readFileSync(join(logFolder(data), name), 'utf8');

describe('the log of a node', () => {
  it('has every line, also of an earlier start', async () => {
    for (const word of ['one', 'two']) {
      const log = new NodeLog(data, 'n1');
      log.write(word);
      await log.close(1_000);
    }
    expect(read('n1.log')).toBe('one\ntwo\n');
  });

  it('is followed by another when it has its length, and the one before that is gone', async () => {
    const log = new NodeLog(data, 'n1', 100);
    const lines = Array.from({ length: 12 }, (_, i) => `${i}`.padStart(20, '.'));
    for (const line of lines) log.write(line);
    await log.close(1_000);
    const kept = read('n1.1.log') + read('n1.log');
    expect(kept).toBe(`${lines.slice(4).join('\n')}\n`);
    expect(read('n1.1.log').length).toBeLessThanOrEqual(100);
  });

  it('counts what an earlier start left', async () => {
    mkdirSync(logFolder(data));
    writeFileSync(join(logFolder(data), 'n1.log'), 'x'.repeat(95));
    const log = new NodeLog(data, 'n1', 100);
    log.write('another line');
    await log.close(1_000);
    expect(read('n1.log')).toBe('another line\n');
  });

  it('goes on in its file where there can be no other', async () => {
    const log = new NodeLog(data, 'n1', 30);
    mkdirSync(join(logFolder(data), 'n1.1.log'));
    writeFileSync(join(logFolder(data), 'n1.1.log', 'in the way'), '');
    for (const word of ['a', 'b', 'c']) log.write(word.repeat(20));
    await log.close(1_000);
    expect(read('n1.log')).toBe(`${['a', 'b', 'c'].map((word) => word.repeat(20)).join('\n')}\n`);
    expect(existsSync(join(logFolder(data), 'n1.1.log', 'in the way'))).toBe(true);
  });

  it('counts what is lost, over all of its files', async () => {
    const log = new NodeLog(data, 'n1', 4 * 1024 * 1024);
    // More than a log holds that waits for its disk, in one turn: what comes behind is lost.
    const [line, lines] = ['x'.repeat(1023), 6 * 1024];
    for (let i = 0; i < lines; i++) log.write(line);
    await log.close(5_000);
    const kept = (read('n1.1.log') + read('n1.log')).split('\n').filter((one) => one === line).length;
    expect(log.lost).toBeGreaterThan(0);
    expect(kept + log.lost).toBe(lines);
  });
});
