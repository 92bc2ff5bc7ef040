/** A cluster started as a user starts it: `kvorum start`, or `npm start`, in a folder of its own. */
import { Program, cleanEnvironment, kvorum, type Scene } from './processes.js';

export interface StartedCluster {
  readonly program: Program;
  readonly url: string;
  readonly pids: readonly number[];
  readonly readyLine: string;
}

const READY = /^kvorum ready (http:\/\/127\.0\.0\.1:\d+) nodes=(\d+) shards=(\d+) replicas=(\d+) pids=([\d,]+)$/;

export interface StartOptions {
  readonly data: string;
  readonly args?: readonly string[];
  readonly viaNpm?: boolean;
}

/** Starts it and waits for the ready line. */
export async function startCluster(scene: Scene, options: StartOptions): Promise<StartedCluster> {
  const args = ['--data', options.data, '--port', '0', ...(options.args ?? [])];
  const program = scene.keep(
    options.viaNpm === true
      ? new Program('npm', ['start', '--', ...args], { env: cleanEnvironment() })
      : kvorum(['start', ...args]),
  );
  const readyLine = await program.line(/^kvorum ready /);
  const match = READY.exec(readyLine);
  if (match === null) throw new Error(`the ready line is not as documented: ${readyLine}`);
  const [, url = '', , , , pids = ''] = match;
  return { program, url, readyLine, pids: pids.split(',').map(Number) };
}
