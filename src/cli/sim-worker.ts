/**
 * A worker process that runs simulated seeds, one at a time, on request over its IPC channel. It is stateless, so it is
 * killed when it is not needed any more.
 */
import { ConfigError } from '../config/index.js';
import { runSeed, type Measured, type Scenario } from '../sim/index.js';
import { stackOf } from '../thrown.js';

/** Request to the worker; one at a time. */
export interface SimTask {
  readonly seed: number;
  readonly scenario: Scenario;
}

/** Reply of the worker. */
export type SimAnswer = { readonly measured: Measured } | { readonly error: string };

/** Ends with the channel. @throws ConfigError without one: the command is internal */
export async function runSimWorker(): Promise<number> {
  if (process.send === undefined) {
    throw new ConfigError('', 'sim-worker is internal to kvorum sim: run kvorum sim');
  }
  const gone = new Promise<void>((resolve) => {
    process.once('disconnect', resolve);
  });
  // A terminal sends Ctrl-C to the whole process group; the current seed is finished and reported.
  process.on('SIGINT', () => undefined);
  process.on('message', (task: SimTask) => {
    void answer(task).then((message) => process.send?.(message));
  });
  // The parent may have died before this process had started; then there is no event.
  if (process.connected) await gone;
  return 0;
}

async function answer({ seed, scenario }: SimTask): Promise<SimAnswer> {
  const before = process.cpuUsage();
  try {
    const result = await runSeed(seed, scenario);
    const { user, system } = process.cpuUsage(before);
    return { measured: { result, cpuMs: (user + system) / 1000 } };
  } catch (error) {
    return { error: stackOf(error) };
  }
}
