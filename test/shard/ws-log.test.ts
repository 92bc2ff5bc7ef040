/** What the transport logs, at which level, and how often. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WsLab } from './ws-lab.js';

describe('the log of the links', () => {
  let lab: WsLab;
  beforeEach(() => {
    lab = new WsLab();
  });
  afterEach(() => lab.close());

  test('a message that cannot be sent is logged once, however often it is tried', async () => {
    const b = await lab.node(2, { peers: new Map([[1, 'unused:1']]) });
    await lab.introduced(b);
    const key = new Uint8Array(4098);
    const operation = { type: 'get', key, consistency: 'stale' } as const;
    const request = { shard: 0, budgetMs: 1, operation };
    for (const id of [1, 2, 3]) expect(b.transport.send(1, { type: 'request', id, request })).toBe(false);
    const errors = b.log.lines.filter(({ level }) => level === 'error');
    expect(errors).toMatchObject([{ fields: { peer: 1, type: 'request', why: 'the encoded key exceeds 4 KiB' } }]);
    expect(b.transport.stats().droppedEncodeError).toBe(3);
  });

  test('an unreachable peer is logged at once, warned of once if it lasts, and never as the field `node`', async () => {
    const { runtime, log, transport } = await lab.node(1, { peers: new Map([[2, 'no address at all']]) });
    const noLink = (): unknown[] =>
      log.lines.filter(({ message }) => message === 'no link').map(({ level, fields }) => [level, fields]);
    const fields = { peer: 2, address: 'no address at all' };
    expect(noLink()).toMatchObject([['info', fields]]);
    for (let attempt = 0; attempt < 30; attempt++) runtime.advance(1000);
    expect(transport.stats().failedDials).toBeGreaterThan(20);
    expect(noLink()).toMatchObject([
      ['info', fields],
      ['warn', fields],
    ]);
    expect(log.lines.filter((line) => 'node' in line.fields)).toEqual([]);
  });
});
