import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { Screen } from '../../src/cli/screen.js';

const REFUSED =
  '{"level":40,"time":0,"peer":2,"address":"127.0.0.1:1","complaint":"connect ECONNREFUSED","msg":"no link"}';
const SILENT = '{"level":40,"time":0,"peer":2,"msg":"peer is silent"}';
const READY = { url: 'http://127.0.0.1:1', nodes: 1, shards: 1, replicas: 1, pids: [1] };

const folders: string[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function screen() {
  const dataDir = mkdtempSync(join(tmpdir(), 'kvorum-screen-'));
  folders.push(dataDir);
  const shown: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => shown.push(String(text)) > 0);
  vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
  return { dataDir, shown, screen: new Screen({ names: ['n1'], level: 'warn', dataDir }) };
}

it('shows nothing about refused links while nodes are starting; the log files have it', async () => {
  const one = screen();
  one.screen.nodeLine('n1', REFUSED);
  expect(one.shown).toEqual([]);
  one.screen.nodeLine('n1', SILENT);
  expect(one.shown.join('')).toMatch(/n1 .*warn.* peer is silent/);
  one.screen.ready(READY);
  expect(one.shown).toHaveLength(1);
  one.screen.nodeLine('n1', REFUSED);
  expect(one.shown[1]).toMatch(/warn.* no link peer=2/);
  await one.screen.close();
  expect(
    readFileSync(join(one.dataDir, 'logs', 'n1.log'), 'utf8')
      .split('\n')
      .slice(0, 3),
  ).toEqual([REFUSED, SILENT, REFUSED]);
});

it('shows which links were refused when the cluster is late', async () => {
  const { screen: one, shown } = screen();
  for (let line = 0; line < 100; line += 1) one.nodeLine('n1', REFUSED);
  one.late('no node has answered yet; waiting on');
  expect(shown).toHaveLength(20 + 1);
  expect(shown[0]).toMatch(/no link/);
  expect(shown[20]).toMatch(/^kvorum: no node has answered yet/);
  one.nodeLine('n1', REFUSED);
  expect(shown).toHaveLength(22);
  await one.close();
});
