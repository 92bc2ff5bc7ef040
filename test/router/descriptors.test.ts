/** How many connections clients may have, of what the process may open. */
import { describe, expect, it } from 'vitest';
import { maxClientConnections, maxOpenFiles, openFilesIn } from '../../src/router/descriptors.js';
import { serversOfEachTest } from '../support/http-harness.js';

const start = serversOfEachTest();

describe('connections of clients', () => {
  it.each([
    [64, 1],
    [256, 80],
    [1_024, 832],
    [4_096, 3_904],
    [1_048_576, 10_000],
    [Infinity, 10_000],
  ])('with a limit of %d open files are at most %d', (openFiles, connections) => {
    expect(maxClientConnections(openFiles)).toBe(connections);
  });

  it('depend on the limit that the system tells', () => {
    const line = (soft: string): string =>
      `Limit   Soft Limit  Hard Limit  Units\nMax open files   ${soft}  1048576  files\n`;
    expect([line('1024'), line('unlimited'), 'nothing'].map(openFilesIn)).toEqual([1_024, Infinity, undefined]);
    expect(maxOpenFiles()).toBeGreaterThan(0);
  });

  it('are told with all other descriptors by /metrics', async () => {
    const http = await start();
    const used = async (): Promise<number> =>
      Number(/kvorum_file_descriptors\{state="used"\} (\d+)/.exec((await http.ask('GET', '/metrics')).text)?.[1]);
    const before = await used();
    const sockets = Array.from({ length: 20 }, () => http.socket());
    await expect.poll(() => http.server.connections).toBeGreaterThanOrEqual(20);
    // Both ends are in this process.
    expect(await used()).toBeGreaterThanOrEqual(before + 40);
    for (const socket of sockets) socket.destroy();
  });
});
