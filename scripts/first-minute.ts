/**
 * Records the first minute with Kvorum for the README: `npm run first-minute`. Starts a real cluster, puts, kills the
 * node that leads the key, gets, and writes the terminal session to docs/images/first-minute.svg.
 *
 * Port and process ids are replaced by those that the README uses; pauses for the reader are added; the output of npm
 * itself, and the build before the first start, are left out. Nothing else is made up.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drawCast, type CastLine } from './first-minute/cast.js';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const PICTURE = fileURLToPath(new URL('../docs/images/first-minute.svg', import.meta.url));
const SHOWN = { place: '127.0.0.1:8080', data: '.kvorum', firstPid: 101 };
const READY_LIMIT_MS = 60_000;
/** Seconds a reader needs before the next line is typed, and seconds that typing takes. */
const READING_S = 1.6;
const TYPING_S = 1;

const lines: CastLine[] = [];
const replaced = new Map<string, string>();
/** Time in the animation, in seconds. */
let now = 0.5;

const shown = (text: string): string => [...replaced].reduce((said, [real, put]) => said.replaceAll(real, put), text);
const say = (text: string): void => void lines.push({ kind: 'said', text: shown(text), at: now });
function type(text: string): void {
  now += READING_S;
  lines.push({ kind: 'typed', text: shown(text), at: now });
  now += TYPING_S;
}

/** Runs the command as typed, and records its output and how long it took. */
function run(command: string): string {
  type(command);
  const startedAt = performance.now();
  const said = execFileSync('bash', ['-c', command], { encoding: 'utf8' }).trim();
  now += (performance.now() - startedAt) / 1_000;
  if (said !== '') say(said);
  return said;
}

const folder = mkdtempSync(join(tmpdir(), 'kvorum-first-minute-'));
const child = spawn(process.execPath, [CLI, 'start', '--data', join(folder, 'data'), '--port', '0'], {
  stdio: ['ignore', 'pipe', 'pipe'],
});
try {
  const seen: { readonly text: string; readonly at: number }[] = [];
  const startedAt = performance.now();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (text) => seen.push({ text, at: performance.now() - startedAt }));
  }
  while (!seen.some(({ text }) => text.includes('Ctrl-C'))) {
    if (performance.now() - startedAt > READY_LIMIT_MS) throw new Error('the cluster did not come up');
    await pause(20);
  }
  const ready = /^kvorum ready http:\/\/(\S+) .*pids=([\d,]+)$/m.exec(seen.map(({ text }) => text).join('\n'));
  const [, place = '', pids = ''] = ready ?? [];
  replaced.set(join(folder, 'data'), SHOWN.data).set(place, SHOWN.place);
  for (const [i, pid] of pids.split(',').entries()) replaced.set(pid, String(SHOWN.firstPid + i));

  type('npm start');
  const began = now;
  // Standard output and standard error arrive separately; each line has its own time.
  for (const { text, at } of seen.sort((a, b) => a.at - b.at)) {
    now = began + at / 1_000;
    say(text);
  }
  const key = `${place}/v1/kv/greeting`;
  run(`curl -sX PUT ${key} -d hello`);
  const where = JSON.parse(execFileSync('curl', ['-s', `${place}/v1/where/greeting`], { encoding: 'utf8' })) as {
    leader: number;
  };
  run(`kill -9 ${pids.split(',')[where.leader - 1] ?? ''}   # the node that leads this key`);
  run(`curl -s ${key}`);
  const title = 'Kvorum: start, put, kill the leader, get';
  writeFileSync(PICTURE, drawCast({ title, lines }));
  console.log(`${PICTURE}: ${lines.length} lines, ${now.toFixed(1)} s`);
} finally {
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('close', resolve));
  rmSync(folder, { recursive: true, force: true });
}
