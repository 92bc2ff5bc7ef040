/** The embedded store, in memory, under concurrent callers: puts and gets in turn, in a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Context } from './context.js';
import { median } from './latencies.js';

export interface EmbeddedJob {
  readonly nodes: number;
  readonly callers: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** Operations per second, of each round. */
export interface EmbeddedRounds {
  readonly put: readonly number[];
  readonly get: readonly number[];
}

export interface EmbeddedResult {
  readonly put: number;
  readonly get: number;
  readonly rounds: EmbeddedRounds;
}

export async function measureEmbedded(job: EmbeddedJob, { cleanUp, say }: Context): Promise<EmbeddedResult> {
  say(`embedded, in memory: ${job.nodes} nodes, ${job.callers} callers`);
  const script = fileURLToPath(new URL('./embedded-worker.ts', import.meta.url));
  const child = fork(script, [JSON.stringify(job)], { execArgv: ['--import', 'tsx'] });
  const end = cleanUp.add('end the embedded store', () => {
    child.kill('SIGKILL');
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the embedded store ended without a result');
  });
  const [rounds] = (await Promise.race([once(child, 'message'), ended])) as [EmbeddedRounds];
  ended.catch(() => undefined);
  await end();
  return { put: median(rounds.put), get: median(rounds.get), rounds };
}
