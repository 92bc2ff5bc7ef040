/** A log on a full disk, or in a pipe without a reader, loses lines and affects nothing else. */
import { closeSync, openSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LogDestination, type WriteBytes } from '../../src/cli/log-destination.js';

type Done = Parameters<WriteBytes>[2];

/** A descriptor that accepts as much as the test says. */
function destination(most?: number) {
  const calls: { readonly text: string; readonly done: Done }[] = [];
  const log = new LogDestination(1, {
    write: (_fd, bytes, done) => calls.push({ text: bytes.toString(), done }),
    ...(most !== undefined && { most }),
  });
  const answer = (error: string | undefined, written = calls[0]?.text.length ?? 0): string => {
    const call = calls.shift();
    if (error === undefined) call?.done(null, written);
    else call?.done(Object.assign(new Error(error), { code: error }), 0);
    return call?.text ?? '';
  };
  return { log, calls, answer };
}

describe('the destination of a log', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('writes lines in order, and lines that came meanwhile in one write', async () => {
    const { log, answer } = destination();
    for (const line of ['a\n', 'b\n', 'c\n']) log.write(line);
    expect(answer(undefined)).toBe('a\n');
    const flushed = log.flush(60_000);
    expect(answer(undefined)).toBe('b\nc\n');
    await flushed;
    await log.flush(60_000);
    expect(log.lost).toBe(0);
  });

  it('drops and counts lines that find no room, and reports the number once lines get through', () => {
    const { log, calls, answer } = destination();
    log.write('a\n');
    log.write('b\n');
    answer('ENOSPC');
    answer('ENOSPC');
    expect(log.lost).toBe(2);
    expect(calls).toEqual([]);
    log.write('c\n');
    expect(answer(undefined)).toMatch(/^\{.*"lost":2,"msg":"log lines were lost"\}\nc\n$/);
    log.write('d\n');
    expect(answer(undefined)).toBe('d\n');
  });

  it('is hung while a write does not return, not while it waits to retry; then it leaves the descriptor alone', () => {
    vi.useFakeTimers();
    const { log, calls, answer } = destination();
    log.write('a\n');
    expect(log.hangs).toBe(false);
    vi.advanceTimersByTime(600);
    expect(log.hangs).toBe(true);
    log.write('b\n');
    log.flushSync();
    expect(calls.map(({ text }) => text)).toEqual(['a\n']);
    answer('EAGAIN');
    vi.advanceTimersByTime(40);
    expect(log.hangs).toBe(false);
    vi.advanceTimersByTime(600);
    expect(log.hangs).toBe(true);
    answer(undefined);
    answer(undefined);
    expect(log.hangs).toBe(false);
  });

  it('continues after a partial write; the line after one that was cut begins on a new line', () => {
    const { log, answer } = destination();
    log.write('abc\n');
    answer(undefined, 2);
    expect(answer(undefined)).toBe('c\n');
    log.write('def\n');
    answer(undefined, 2);
    answer('ENOSPC');
    log.write('g\n');
    expect(answer(undefined)).toMatch(/^\n\{.*\}\ng\n$/);
  });

  it('waits for a full pipe with a timer, within bounds', () => {
    vi.useFakeTimers();
    const { log, calls, answer } = destination(4);
    log.write('a\n');
    answer('EAGAIN');
    expect(calls).toEqual([]);
    for (let i = 0; i < 5; i++) log.write('b\n');
    expect(log.lost).toBe(3);
    vi.advanceTimersByTime(1_000);
    expect(answer(undefined)).toBe('a\n');
    expect(answer(undefined)).toMatch(/"lost":3.*\nb\nb\n$/);
  });

  it('ends a flush when the descriptor never accepts anything', async () => {
    vi.useFakeTimers();
    const { log } = destination();
    log.write('a\n');
    const flushed = log.flush(1_000);
    vi.advanceTimersByTime(1_000);
    await flushed;
    log.flushSync();
  });

  it('is not stopped by a real device that is full', async () => {
    const fd = openSync('/dev/full', 'w');
    const log = new LogDestination(fd);
    for (let i = 0; i < 100; i++) log.write(`line ${i}\n`);
    await log.flush(60_000);
    expect(log.lost).toBe(100);
    closeSync(fd);
  });
});
