/** A cluster of real processes for a script: built, started in a folder of its own, and removed afterwards. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ScriptCluster {
  readonly url: string;
  /** The process of the router and the supervisor. */
  readonly routerPid: number;
  readonly nodePids: readonly number[];
  /** HTTP base of each node, in order. */
  readonly nodeUrls: readonly string[];
  stop(): Promise<void>;
}

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** @param args options of `kvorum start`; the system chooses the port. */
export async function startScriptCluster(args: readonly string[]): Promise<ScriptCluster> {
  execFileSync(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json')]);
  const data = mkdtempSync(join(tmpdir(), 'kvorum-script-'));
  const child = spawn(process.execPath, [at('dist/cli.js'), 'start', '--data', data, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      rmSync(data, { recursive: true, force: true });
      resolve();
    });
  });
  const ready = await firstLine(child.stdout, ended);
  const match = /^kvorum ready (\S+) .*pids=([\d,]+)$/.exec(ready);
  const [, url = '', pids = ''] = match ?? [];
  if (match === null) throw new Error(`the cluster did not come up: ${ready}`);
  const record = JSON.parse(readFileSync(join(data, 'cluster.json'), 'utf8')) as { ports: { http: number }[] };
  return {
    url,
    routerPid: child.pid ?? 0,
    nodePids: pids.split(',').map(Number),
    nodeUrls: record.ports.map(({ http }) => `http://127.0.0.1:${http}`),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function firstLine(stream: NodeJS.ReadableStream, ended: Promise<void>): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: stream }).once('line', resolve);
    void ended.then(() => {
      resolve('it ended');
    });
  });
}
