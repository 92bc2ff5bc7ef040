/**
 * Three `kvorum node` processes on this machine, for scripts that measure one thing: ports, folders, programs, and
 * requests to them. The clean-up removes everything.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import getPort from 'get-port';
import { fetch } from 'undici';
import type { CleanUp } from './clean-up.js';
import { NodeProgram, type NodeProgramOptions } from './node-program.js';

export const HOST = '127.0.0.1';
const IDS = [1, 2, 3];
const POLL_MS = 200;

export interface Member {
  readonly id: number;
  readonly name: string;
  readonly peer: number;
  readonly http: number;
  readonly data: string;
}

/** @param name of the folder that holds them, to distinguish scripts */
export async function makeMembers(name: string, cleanUp: CleanUp): Promise<Member[]> {
  const folder = mkdtempSync(join(tmpdir(), `kvorum-${name}-`));
  cleanUp.add(`delete ${folder}`, () => {
    rmSync(folder, { recursive: true, force: true });
  });
  const members: Member[] = [];
  for (const id of IDS) {
    members.push({ id, name: `n${id}`, peer: await getPort(), http: await getPort(), data: join(folder, `n${id}`) });
  }
  return members;
}

/** One of them, not started yet. @param dist folder of the build to run */
export function programOf(
  member: Member,
  members: readonly Member[],
  dist: string,
  { args, ...more }: Pick<NodeProgramOptions, 'args' | 'env' | 'onLine'>,
  cleanUp: CleanUp,
): NodeProgram {
  const { name, data } = member;
  const cluster = members.map((each) => `${each.name}=${HOST}:${each.peer}@${HOST}:${each.http}`).join(',');
  const program = new NodeProgram({
    ...{ name, cli: resolve(dist, 'cli.js'), args: { name, cluster, data, ...args } },
    ...more,
  });
  cleanUp.add(`end ${name}`, async () => {
    await program.killed();
  });
  return program;
}

export const urlOf = (member: Member | undefined, path: string): string => `http://${HOST}:${member?.http ?? 0}${path}`;

export async function json<T>(member: Member | undefined, path: string): Promise<T> {
  return (await (await fetch(urlOf(member, path))).json()) as T;
}

export const isReady = async (member: Member | undefined): Promise<boolean> =>
  (await fetch(urlOf(member, '/readyz'))).ok;

/** @throws unless `holds` becomes true within `limitMs`; an error in `holds` counts as false */
export async function until(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now();
  while (!(await holds().catch(() => false))) {
    if (performance.now() - startedAt > limitMs) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await pause(POLL_MS);
  }
}

/** Runs a script and removes everything afterwards; exit code 1 if it throws. */
export async function withCleanUp(cleanUp: CleanUp, run: (cleanUp: CleanUp) => Promise<void>): Promise<void> {
  try {
    await run(cleanUp);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    await cleanUp.run();
  }
}
