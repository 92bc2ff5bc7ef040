/** What is asked for: keys by their law, mixes by their shares, requests as bytes. */
import { describe, expect, it } from 'vitest';
import { gatewayProtocol } from '../../../scripts/bench/etcd.js';
import { kvorumProtocol } from '../../../scripts/bench/kvorum.js';
import {
  generateSteps,
  putsPerRequest,
  putsOf,
  scriptOf,
  valueOf,
  wireFormat,
  zipfian,
} from '../../../scripts/bench/workload.js';
import { Random } from '../../../src/random.js';

describe('steps', () => {
  it('depend on the seed alone', () => {
    const [one, again, other] = [7, 7, 8].map((seed) => generateSteps('mix50', 100, 50, seed));
    expect(one).toEqual(again);
    expect(one).not.toEqual(other);
  });

  it.each([
    ['put', 1],
    ['get', 0],
    ['mix95', 0.05],
    ['mix50', 0.5],
  ] as const)('of %s contain the stated share of puts', (operation, share) => {
    const steps = generateSteps(operation, 1_000, 20_000, 1);
    const puts = steps.filter(({ kind }) => kind === 'put').length / steps.length;
    expect(puts).toBeCloseTo(share, 1);
    expect(putsPerRequest(operation)).toBe(share);
    expect(steps.every(({ key }) => key >= 0 && key < 1_000)).toBe(true);
  });
});

it('the zipfian distribution has the expected share of low ranks, and stays in range', () => {
  const rank = zipfian(10_000, new Random(1));
  const draws = Array.from({ length: 50_000 }, rank);
  const share = (wanted: number): number => draws.filter((draw) => draw === wanted).length / draws.length;
  // 1 / the sum of r^-0.99 for r from 1 to 10,000, which is 10.2.
  expect(share(0)).toBeGreaterThan(0.09);
  expect(share(0)).toBeLessThan(0.11);
  expect(share(0) / share(1)).toBeCloseTo(2, 0);
  expect(Math.max(...draws)).toBeLessThan(10_000);
  expect(Math.min(...draws)).toBe(0);
});

it('a value has the requested length, and differs by key', () => {
  expect(valueOf(12, 8)).toBe('12:abcde');
  expect(valueOf(123_456, 4)).toBe('1234');
});

describe('requests', () => {
  it('are valid HTTP/1.1', () => {
    const put = kvorumProtocol('put', 'key1', 'é');
    expect(wireFormat(put, 'a:1').toString()).toBe(
      'PUT /v1/kv/key1 HTTP/1.1\r\nHost: a:1\r\nContent-Type: application/octet-stream\r\nContent-Length: 2\r\n\r\né',
    );
    expect(wireFormat(kvorumProtocol('lease', 'key1', ''), 'a:1').toString()).toBe(
      'GET /v1/kv/key1?consistency=lease HTTP/1.1\r\nHost: a:1\r\n\r\n',
    );
  });

  it('have etcd equivalents', () => {
    expect(JSON.parse(gatewayProtocol('put', 'key1', 'v').body ?? '')).toEqual({ key: 'a2V5MQ==', value: 'dg==' });
    expect(JSON.parse(gatewayProtocol('stale', 'key1', '').body ?? '')).toEqual({
      key: 'a2V5MQ==',
      serializable: true,
    });
    expect(gatewayProtocol('get', 'key1', '').path).toBe('/v3/kv/range');
  });

  it('are built once each, and sent in the generated order', () => {
    const data = { keys: 10, valueBytes: 16 };
    const { requests, order } = scriptOf(kvorumProtocol, 'get', data, 1);
    expect(requests).toHaveLength(10);
    const keys = order.map((index) => requests[index]?.path);
    expect(keys).toEqual(generateSteps('get', 10, order.length, 1).map(({ key }) => `/v1/kv/key${key}`));
  });

  it('are fewer where they are large', () => {
    const { order } = scriptOf(kvorumProtocol, 'put', { keys: 256, valueBytes: 262_144 }, 1);
    expect(order.length).toBeLessThan(300);
  });

  it('cover more keys than the row cache holds', () => {
    const { requests } = scriptOf(kvorumProtocol, 'get', { keys: 1_000_000, valueBytes: 256 }, 1);
    expect(requests.length).toBeGreaterThan(100_000);
  });

  it('put each key there once', () => {
    expect(putsOf(kvorumProtocol, 3, 5, 8).map(({ path }) => path)).toEqual(['/v1/kv/key3', '/v1/kv/key4']);
  });
});
