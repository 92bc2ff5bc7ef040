/** What `npm run bench` makes of its command line. Nothing is started. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parseOptions } from '../../../scripts/bench/options.js';
import { UsageError } from '../../../scripts/support/usage.js';
import { parseRow, rowName } from '../../../scripts/bench/workload.js';

let said = '';
beforeEach(() => {
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

function refusal(line: string): string {
  try {
    parseOptions(line.split(' '));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    expect(error.exitCode).toBe(2);
    return said + error.message;
  }
  return 'accepted';
}

it('measures all rows at all numbers of clients by default', () => {
  const options = parseOptions([]);
  expect(options.mode).toBe('compare');
  expect(options.rows).toHaveLength(24);
  expect(options).toMatchObject({ seconds: 8, rounds: 3, keys: 10_000, valueBytes: 256, replicas: 3, embedded: true });
});

it('takes few rows with --quick, and fewer with --vs etcd', () => {
  const quick = parseOptions(['--quick']);
  const besideEtcd = parseOptions(['--quick', '--vs', 'etcd']);
  expect(quick).toMatchObject({ seconds: 2, rounds: 2, embedded: false });
  expect(besideEtcd.rows.length).toBeLessThan(quick.rows.length);
});

it('has a form for every day', () => {
  const options = parseOptions(['--rows', 'put@64,mix95@256', '--seconds', '5', '--no-compare']);
  expect(options.rows.map(rowName)).toEqual(['put@64', 'mix95@256']);
  expect(options).toMatchObject({ compare: false, embedded: false, seconds: 5, ownRows: [] });
});

it('has rows without a number of clients, among the others and alone', () => {
  expect(parseOptions([]).ownRows).toEqual(['scan', 'expiry']);
  expect(parseOptions(['--quick']).ownRows).toEqual([]);
  expect(parseOptions(['--rows', 'scan,put@1'])).toMatchObject({ ownRows: ['scan'], scanKeys: 1_000_000 });
  const alone = parseOptions(['--rows', 'expiry,scan', '--scan-keys', '5000']);
  expect(alone).toMatchObject({ rows: [], ownRows: ['expiry', 'scan'], scanKeys: 5_000 });
});

it('varies the requested parameters', () => {
  expect(parseOptions(['--scale']).dimensions).toHaveLength(6);
  expect(parseOptions(['--scale', 'nodes,keys'])).toMatchObject({ mode: 'scale', dimensions: ['nodes', 'keys'] });
});

it('has shorter rounds with --scale by default', () => {
  expect(parseOptions(['--scale'])).toMatchObject({ seconds: 4, rounds: 2 });
  expect(parseOptions(['--scale', '--seconds', '9', '--rounds', '5'])).toMatchObject({ seconds: 9, rounds: 5 });
});

it.each([
  ['--seconds 0', '--seconds', 'from 1 to 3600'],
  ['--rounds x', '--rounds', 'from 1 to 99'],
  ['--rows put@0', '--rows', '1 to 1024 clients'],
  ['--rows put@64,poke@1', '--rows', '"poke@1" is no row'],
  ['--scale colour', '--scale', 'shards, nodes'],
  ['--vs consul', '--vs', 'etcd'],
  ['--base no-such-folder', '--base', 'dist/cli.js is missing'],
  ['--load ab', '--load', 'autocannon'],
  ['--dir no-such-folder', '--dir', 'folder that exists'],
  ['--replicas 4', '--replicas 4', '--nodes 3'],
  ['--scale --failover', '--scale', '--failover'],
  ['--failover --rows put@1', '--rows', '--failover'],
  ['--failover --nodes 2', '--failover', '--nodes 3'],
  ['--kills 3', '--kills', '--failover'],
  ['--quick --save', '--save', '--quick'],
  ['--save --rows put@64', '--save', '--rows'],
  ['--save --no-compare', '--save', '--no-compare'],
  ['--vs etcd --no-compare', '--vs', '--no-compare'],
  ['--rows scan@1', '--rows', '"scan@1" is no row'],
  ['--scan-keys 5000 --rows put@1', '--scan-keys', 'with scan'],
  ['--scan-keys 999 --rows scan', '--scan-keys', 'from 1000'],
  ['--nosuch', '--nosuch', 'unknown option'],
])('refuses %s, and says why', (line, ...words) => {
  const why = refusal(line);
  for (const word of words) expect(why).toContain(word);
});

it.each(['put', 'put@', 'put@1025', 'put@1@2', '@64', 'put@-1', 'put@1e3'])('"%s" is no row', (text) => {
  expect(() => parseRow(text)).toThrow('is no row');
});
