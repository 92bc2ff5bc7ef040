import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HEALTHY, type Conditions } from '../../src/faults/conditions.js';
import { LinkProxy, type Endpoint } from '../../src/faults/link-proxy.js';
import { dial, holds, Target, type End } from './wires.js';

const CUT: Conditions = { ...HEALTHY, cut: true };
const MIB = 1024 * 1024;

let target: Target;
let endpoint: Endpoint;
let targetEndpoint: Endpoint;
let proxy: LinkProxy;
let clients: End[];
let there: Conditions;
let back: Conditions;
let random: () => number;

beforeEach(async () => {
  there = HEALTHY;
  back = HEALTHY;
  random = () => 1;
  clients = [];
  target = new Target();
  const options = { there: () => there, back: () => back, random: () => random() };
  targetEndpoint = await target.listen();
  proxy = new LinkProxy({ ...options, target: targetEndpoint });
  endpoint = await proxy.listen();
});
afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  target.close();
  await proxy.close();
});

function dialled(): End {
  const client = dial(endpoint);
  clients.push(client);
  return client;
}

async function linked(): Promise<readonly [client: End, served: End]> {
  const client = dialled();
  client.socket.write('hello');
  const count = clients.length;
  await holds(() => target.ends[count - 1]?.text === 'hello');
  return [client, target.ends[count - 1]!];
}

function become(conditions: { there?: Conditions; back?: Conditions }): void {
  ({ there = HEALTHY, back = HEALTHY } = conditions);
  proxy.changed();
}

describe('a healthy link', () => {
  it('passes data and half-close in both directions', async () => {
    const [client, served] = await linked();
    served.socket.end('and good bye');
    await holds(() => client.ended);
    expect(client.text).toBe('and good bye');
    expect(served.ended).toBe(false);
    client.socket.end('!');
    await holds(() => served.ended);
    expect(served.text).toBe('hello!');
    await holds(() => proxy.connections === 0);
  });

  it('passes a reset as a reset', async () => {
    const [client, served] = await linked();
    served.socket.resetAndDestroy();
    await holds(() => client.errorCode !== undefined);
    expect(client.errorCode).toBe('ECONNRESET');
    await holds(() => proxy.connections === 0);
  });

  it('resets the caller when nothing listens at the target', async () => {
    target.close();
    const client = dialled();
    await holds(() => client.errorCode !== undefined);
    expect(client.errorCode).toBe('ECONNRESET');
  });

  it('carries much data intact to a reader that starts late', async () => {
    const [client, served] = await linked();
    served.socket.pause();
    const bytes = randomBytes(24 * MIB);
    client.socket.end(bytes);
    await holds(() => client.socket.writableLength > 0 && client.socket.bytesWritten > MIB);
    served.socket.resume();
    await holds(() => served.ended);
    expect(hashOf(served.received.subarray(5))).toBe(hashOf(bytes));
  });
});

describe('a link with one direction cut', () => {
  it('holds that direction, passes the other, and delivers in order after healing', async () => {
    const [client, served] = await linked();
    become({ there: CUT });
    client.socket.write(' one');
    await holds(() => proxy.waitingBytes === 4);
    client.socket.end(' two');
    await holds(() => proxy.waitingBytes === 9);
    served.socket.write('heard nothing');
    await holds(() => client.text === 'heard nothing');
    expect([served.text, served.ended]).toEqual(['hello', false]);
    become({});
    await holds(() => served.ended);
    expect(served.text).toBe('hello one two');
    expect(proxy.waitingBytes).toBe(0);
  });

  it('can hold either direction, whichever side dialled', async () => {
    const [client, served] = await linked();
    become({ back: CUT });
    served.socket.write('lost?');
    await holds(() => proxy.waitingBytes === 5);
    client.socket.write('!');
    await holds(() => served.text === 'hello!');
    expect(client.text).toBe('');
    become({});
    await holds(() => client.text === 'lost?');
  });

  it('buffers a bounded amount, applies back pressure beyond that, and delivers everything', async () => {
    const [client, served] = await linked();
    become({ there: CUT });
    const bytes = randomBytes(32 * MIB);
    client.socket.end(bytes);
    await holds(() => proxy.waitingBytes >= MIB);
    expect(proxy.waitingBytes).toBeLessThanOrEqual(MIB + 64 * 1024);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    become({});
    await holds(() => served.ended);
    expect(hashOf(served.received.subarray(5))).toBe(hashOf(bytes));
  });

  it.each(['there', 'back'] as const)(
    'accepts a new connection and says nothing, cut %s; after healing it is served',
    async (way) => {
      become({ [way]: CUT });
      const client = dialled();
      client.socket.write('anybody?');
      await holds(() => proxy.waitingBytes === 8);
      // Whoever connects now is the first that the target sees: nothing was dialled on the caller's behalf.
      const witness = dial(targetEndpoint);
      clients.push(witness);
      witness.socket.write('witness');
      await holds(() => target.ends[0]?.text === 'witness');
      expect([client.text, client.ended, client.errorCode]).toEqual(['', false, undefined]);
      become({});
      await holds(() => target.ends[1]?.text === 'anybody?');
      target.ends[1]!.socket.write('yes');
      await holds(() => client.text === 'yes');
    },
  );

  it('drops a caller that gave up before the connection was made', async () => {
    become({ back: CUT });
    const client = dialled();
    client.socket.write('hello?');
    await holds(() => proxy.connections === 1 && proxy.waitingBytes === 6);
    client.socket.destroy();
    await holds(() => proxy.connections === 0);
    expect(target.ends).toEqual([]);
  });

  it('passes the end of a connection on only after healing', async () => {
    const [client, served] = await linked();
    become({ there: CUT, back: CUT });
    client.socket.resetAndDestroy();
    await holds(() => proxy.waitingBytes === 1);
    // Its socket closes only after this turn of the event loop; the connection must outlive it.
    await turn();
    await turn();
    expect(proxy.connections).toBe(1);
    expect(served.errorCode).toBeUndefined();
    become({});
    await holds(() => served.errorCode !== undefined);
    expect(served.errorCode).toBe('ECONNRESET');
    await holds(() => proxy.connections === 0);
  });
});

describe('a slow or lossy link', () => {
  it('delivers everything in order, and nothing before its time', async () => {
    const [client, served] = await linked();
    become({ there: { ...HEALTHY, delayMs: 40 } });
    const startedAt = performance.now();
    for (const digit of '0123456789') client.socket.write(digit);
    await holds(() => served.text === 'hello0123456789');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(39);
    served.socket.write('at once');
    await holds(() => client.text === 'at once');
  });

  it('passes no more than its rate, over all its connections together', async () => {
    become({ there: { ...HEALTHY, kbitPerSecond: 1_000 } });
    const [[first, firstEnd], [second, secondEnd]] = [await linked(), await linked()];
    const startedAt = performance.now();
    first.socket.write(Buffer.alloc(8_000));
    second.socket.write(Buffer.alloc(8_000));
    await holds(() => firstEnd.received.length + secondEnd.received.length === 10 + 16_000);
    // 16,000 bytes are 128,000 bits; a timer may be early by less than a millisecond.
    expect(performance.now() - startedAt).toBeGreaterThan(126);
  });

  it('holds chunks behind a lost one, and releases all when healed', async () => {
    const [client, served] = await linked();
    const losses = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    random = () => losses.shift() ?? 1;
    become({ there: { ...HEALTHY, dropPercent: 50 } });
    client.socket.write('lost nine times over,');
    await holds(() => proxy.waitingBytes === 21);
    client.socket.write(' lost never');
    await holds(() => proxy.waitingBytes === 32);
    expect(served.text).toBe('hello');
    become({});
    await holds(() => served.text === 'hellolost nine times over, lost never');
  });

  it('that loses everything is a cut', async () => {
    const [client, served] = await linked();
    become({ there: { ...HEALTHY, dropPercent: 100 } });
    client.socket.write('never');
    await holds(() => proxy.waitingBytes === 5);
    expect(served.text).toBe('hello');
  });
});

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
