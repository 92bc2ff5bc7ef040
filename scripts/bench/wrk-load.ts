/**
 * Load by wrk (https://github.com/wg/wrk), with a small Lua script: requests come ready from a file, so that sending
 * one only takes the next from a table.
 *
 * wrk corrects its percentiles for coordinated omission (requests that it could not send while it waited for a slow
 * one), so its p99 and p99.9 are higher than those of a load generator that does not.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isInstalled } from '../support/command.js';
import { endedChildrenCpuMs } from '../support/cpu.js';
import type { HttpJob, HttpLoad, LoadOutcome } from './target.js';
import { wireFormat } from './workload.js';

export const hasWrk = (): boolean => isInstalled('wrk');

const ANSWER_LIMIT_S = 10;

/** Threads start at different steps, so that they do not request the same keys at the same time. */
const LUA = `
local threads, addresses, all = 0, {}, {}
wrong = 0
function setup(thread)
  for _, port in ipairs(ports) do
    addresses[#addresses + 1] = wrk.lookup("127.0.0.1", tostring(port))[1]
  end
  thread.addr = addresses[threads % #ports + 1]
  thread:set("first", threads)
  threads = threads + 1
  all[threads] = thread
end
function init(args)
  local file = io.open(folder .. "/requests", "rb")
  requests, at = {}, 0
  local distinct = {}
  for length in lengths:gmatch("%d+") do distinct[#distinct + 1] = file:read(tonumber(length)) end
  for index in order:gmatch("%d+") do requests[#requests + 1] = distinct[tonumber(index) + 1] end
  count = #requests
  at = math.floor(count / 3) * first
end
function request()
  at = at % count + 1
  return requests[at]
end
if mark ~= "" then
  function response(status, headers, body)
    local at, times = 1, 0
    while true do
      local first, last = body:find(mark, at, true)
      if not first then break end
      at, times = last + 1, times + 1
    end
    if status <= 399 and times ~= marks then wrong = wrong + 1 end
  end
end
function done(summary, latency)
  local e = summary.errors
  local unmarked = 0
  for _, thread in ipairs(all) do unmarked = unmarked + thread:get("wrong") end
  io.write(string.format("RESULT %d %d %d %d %d %d %d %d %d %d %d\\n", summary.requests, summary.duration, e.connect,
    e.read, e.write, e.status, e.timeout, unmarked, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
`;

/** @param folder where each job gets a folder for its files, deleted afterwards */
export function wrkLoad(folder: string): HttpLoad {
  return {
    name: 'wrk',
    async run(job) {
      const place = mkdtempSync(join(folder, 'wrk-'));
      try {
        return await runWrk(job, place);
      } finally {
        rmSync(place, { recursive: true, force: true });
      }
    },
  };
}

async function runWrk({ urls, clients, seconds, script }: HttpJob, place: string): Promise<LoadOutcome> {
  // A thread has one address: one thread per address where there are enough clients, else one thread.
  const used = clients < urls.length ? urls.slice(0, 1) : urls;
  const ports = used.map((url) => Number(new URL(url).port));
  const requests = script.requests.map((request) => wireFormat(request, new URL(used[0] ?? '').host));
  writeFileSync(join(place, 'requests'), Buffer.concat(requests));
  const globals = {
    folder: `[[${place}]]`,
    ports: `{${ports.join(',')}}`,
    lengths: `"${requests.map((request) => request.length).join(' ')}"`,
    order: `"${script.order.join(' ')}"`,
    mark: `[[${script.mark?.text ?? ''}]]`,
    marks: String(script.mark?.times ?? 0),
  };
  const lua = Object.entries(globals).map(([name, value]) => `${name} = ${value}`);
  writeFileSync(join(place, 'load.lua'), `${lua.join('\n')}\n${LUA}`);
  const flags = { t: ports.length, c: clients, d: `${seconds}s`, s: join(place, 'load.lua') };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`-${flag}`, String(value)]);
  const cpu = endedChildrenCpuMs();
  const output = await outputOf('wrk', [...args, '--timeout', `${ANSWER_LIMIT_S}s`, used[0] ?? '']);
  return { ...parseWrk(output), cpuMs: endedChildrenCpuMs() - cpu };
}

/** Parses the line that our script makes wrk print. */
export function parseWrk(output: string): Omit<LoadOutcome, 'cpuMs'> {
  const numbers = /^RESULT ([\d ]+)$/m.exec(output)?.[1]?.split(' ').map(Number);
  if (numbers?.length !== 11) throw new Error(`wrk ended without a result: ${output.trim().slice(-500)}`);
  const [answers = 0, tookUs = 0, connect = 0, read = 0, write = 0, status = 0, timeout = 0, unmarked = 0] = numbers;
  const percentiles = numbers.slice(-3);
  const [p50Ms = NaN, p99Ms = NaN, p999Ms = NaN] = percentiles.map((us) => us / 1_000);
  // wrk counts an answer of a wrong status among the answers, and so it does one without the mark of its script, but
  // not a broken connection.
  const failures = connect + read + write + status + timeout + unmarked;
  return { operations: answers - status - unmarked, failures, tookMs: tookUs / 1_000, p50Ms, p99Ms, p999Ms };
}

export function outputOf(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    // The exit of this process cannot wait for the child, so it kills it.
    const end = (): void => {
      child.kill('SIGKILL');
    };
    process.once('exit', end);
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('exit', end);
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ended with ${signal ?? `code ${code ?? 0}`}: ${(errors || output).trim()}`));
    });
  });
}
