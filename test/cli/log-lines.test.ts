import { describe, expect, it } from 'vitest';
import { lineFormatter, wantsColour } from '../../src/cli/log-lines.js';

const plain = lineFormatter(['n1', 'n2'], false);
const coloured = lineFormatter(['n1', 'n2'], true);
const at = new Date(2024, 0, 2, 3, 4, 5, 67).getTime();
const entry = (fields: object) => JSON.stringify({ level: 30, time: at, pid: 7, hostname: 'h', node: 'n1', ...fields });

describe('a log line', () => {
  it('is prefixed, short, and on one line', () => {
    expect(plain('n1', entry({ msg: 'became leader', shard: 3, term: 2 }))).toBe(
      'n1 │ 03:04:05.067 info  became leader shard=3 term=2',
    );
  });

  it('shows strings without quotes where that is clear, and errors by their message', () => {
    expect(
      plain('n1', entry({ level: 50, msg: 'x', at: 'n1@2', why: 'a b', err: { message: 'no disk', stack: '…' } })),
    ).toBe('n1 │ 03:04:05.067 error x at=n1@2 why="a b" err="no disk"');
  });

  it('passes through what is no JSON', () => {
    expect(plain('router', 'Killed')).toBe('router │ Killed');
    expect(plain('n2', '{half')).toBe('n2 │ {half');
  });

  it('row 37: cannot start a line or steer the terminal, whatever is in it', () => {
    const nasty = 'a\nb\u001B[2Jc\u009B';
    for (const line of [plain('n1', nasty), plain('n1', entry({ msg: nasty, key: nasty, [nasty]: 1 }))]) {
      expect(line).not.toMatch(/\p{Cc}/u);
    }
  });

  it('has another colour for each node, and none when none is wanted', () => {
    const prefix = (text: string) => text.split('│')[0];
    expect(prefix(coloured('n1', 'x'))).toContain('\u001B[');
    expect(prefix(coloured('n1', 'x'))).not.toBe(prefix(coloured('n2', 'x'))?.replace('n2', 'n1'));
    expect(plain('n1', entry({ msg: 'x', level: 50 }))).not.toContain('\u001B');
  });
});

describe('colour', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [undefined, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  ])('on a terminal: %j, with %j: %j', (terminal, environment, expected) => {
    expect(wantsColour(terminal, environment)).toBe(expected);
  });
});
