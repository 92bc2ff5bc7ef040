/**
 * A process that runs one simulated seed after the other, as the one that started it says over the IPC channel.
 *
 * Knows the two messages. It keeps nothing, so it is simply killed when it is not needed any more.
 */
import { ConfigError } from '../config/index.js';
import { runSeed, type Measured, type Mix } from '../sim/index.js';
import { stackOf } from '../thrown.js';

/** To the worker: one at a time. */
export interface SimTask {
  readonly seed: number;
  readonly mix: Mix;
}

/** From the worker. */
export type SimAnswer = { readonly measured: Measured } | { readonly error: string };

/** Ends with the channel. @throws ConfigError if there is none: this command is not for people */
export async function runSimWorker(): Promise<number> {
  if (process.send === undefined) {
    throw new ConfigError('', 'sim-worker is started by kvorum sim, not by hand: say kvorum sim');
  }
  const gone = new Promise<void>((resolve) => {
    process.once('disconnect', resolve);
  });
  // A terminal sends Ctrl-C to the whole group; what is under way is finished and reported.
  process.on('SIGINT', () => undefined);
  process.on('message', (task: SimTask) => {
    void answer(task).then((message) => process.send?.(message));
  });
  // It may be gone since before this process had come up, and then there is no event.
  if (process.connected) await gone;
  return 0;
}

async function answer({ seed, mix }: SimTask): Promise<SimAnswer> {
  const before = process.cpuUsage();
  try {
    const result = await runSeed(seed, mix);
    const { user, system } = process.cpuUsage(before);
    return { measured: { result, cpuMs: (user + system) / 1000 } };
  } catch (error) {
    return { error: stackOf(error) };
  }
}
