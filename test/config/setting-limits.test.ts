/** Every numeric setting: minimum and maximum are accepted, one less and one more are refused, from every source. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, environmentName, nodeConfig, routerConfig, startConfig } from '../../src/config/index.js';
import { checkOptions, type StoreOptions } from '../../src/embedded/options.js';
import { limitsOf } from '../../src/router/http/limits.js';

/** As many as are asked for. */
const members = (count: number): string =>
  Array.from({ length: count }, (_, i) => `n${i + 1}=127.0.0.1:${7_101 + i}@127.0.0.1:${8_101 + i}`).join(',');

interface Range {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** Other settings that are needed for its minimum or maximum. */
  readonly with?: Readonly<Record<string, string>>;
}

const NODE: readonly Range[] = [
  { name: 'shards', least: 1, most: 1_024 },
  { name: 'replicas', least: 1, most: 100, with: { cluster: members(100) } },
  { name: 'maxValueBytes', least: 1, most: 16_777_216 },
  { name: 'tickMs', least: 5, most: 1_000 },
  { name: 'electionTicks', least: 3, most: 1_000, with: { heartbeatTicks: '1' } },
  { name: 'heartbeatTicks', least: 1, most: 100, with: { electionTicks: '1000' } },
];
const START: readonly Range[] = [
  { name: 'nodes', least: 1, most: 9 },
  { name: 'replicas', least: 1, most: 9, with: { nodes: '9' } },
  { name: 'shards', least: 1, most: 1_024 },
  { name: 'port', least: 0, most: 65_535 },
  { name: 'routers', least: 1, most: 9, with: { faults: 'true' } },
];
const EMBEDDED: readonly (Range & { readonly name: keyof StoreOptions })[] = [
  { name: 'nodes', least: 1, most: 100 },
  { name: 'replicas', least: 1, most: 5 },
  { name: 'shards', least: 1, most: 1_024 },
  { name: 'seed', least: 0, most: 4_294_967_295 },
  { name: 'timeoutMs', least: 1, most: 3_600_000 },
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvorum-limits-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The accepted value, or the refusal. */
function said(name: string, read: () => object): unknown {
  try {
    return (read() as Record<string, unknown>)[name];
  } catch (error) {
    if (error instanceof ConfigError || error instanceof RangeError) return 'refused';
    throw error;
  }
}

/** The values around the minimum and the maximum. */
const around = ({ least, most }: Range): number[] => [least - 1, least, least + 1, most - 1, most, most + 1];
const expected = (range: Range): unknown[] =>
  around(range).map((value) => (value < range.least || value > range.most ? 'refused' : value));

const basic = { name: 'n1', cluster: members(3), data: '/tmp/x' };
const router = { nodes: '127.0.0.1:7101' };

function inFile(settings: object): string {
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

describe('a number of a node', () => {
  it.each(NODE)('$name: $least to $most', (range) => {
    const { name } = range;
    const flags = { ...basic, ...range.with };
    const sources: Record<string, (value: number) => object> = {
      flag: (value) => nodeConfig({ flags: { ...flags, [name]: String(value) }, environment: {}, file: undefined }),
      environment: (value) =>
        nodeConfig({ flags, environment: { [environmentName(name)]: String(value) }, file: undefined }),
      file: (value) => nodeConfig({ flags, environment: {}, file: inFile({ [name]: value }) }),
    };
    for (const [source, read] of Object.entries(sources)) {
      const got = around(range).map((value) => said(name, () => read(value)));
      expect([source, ...got]).toEqual([source, ...expected(range)]);
    }
  });
});

it('the longest value of a router: as of a node, and as the HTTP front has it', () => {
  const range = { name: 'maxValueBytes', least: 1, most: 16_777_216 };
  const flags = around(range).map((value) =>
    said('maxValueBytes', () =>
      routerConfig({ flags: { ...router, maxValueBytes: String(value) }, environment: {}, file: undefined }),
    ),
  );
  expect(flags).toEqual(expected(range));
  const most = [range.most, range.most + 1].map((valueBytes) => said('valueBytes', () => limitsOf({ valueBytes })));
  expect(most).toEqual([range.most, 'refused']);
});

it.each(START)('of a local cluster, $name: $least to $most', (range) => {
  const got = around(range).map((value) =>
    said(range.name, () => startConfig({ ...range.with, [range.name]: String(value) })),
  );
  expect(got).toEqual(expected(range));
});

it.each(EMBEDDED)('of an embedded store, $name: $least to $most', (range) => {
  const got = around(range).map((value) => said(range.name, () => checkOptions({ [range.name]: value })));
  expect(got).toEqual(
    // As many replicas as there are nodes, of which there are five.
    expected(range),
  );
});
