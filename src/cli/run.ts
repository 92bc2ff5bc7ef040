/**
 * `kvorum node` and `kvorum router`: one part of a cluster in this process, until it is told to stop.
 */
import { pino } from 'pino';
import { formatAddress, type LogLevel, type NodeConfig, type RouterConfig } from '../config/index.js';
import { startNode, startRouter } from '../main.js';
import { stopAtExit } from '../shard/index.js';
import { collectLessOften } from './heap.js';
import { LogDestination } from './log-destination.js';
import { processLife, type ProcessLife } from './process-life.js';

/** What draining may take; afterwards the process ends all the same, as it would survive a crash. */
const DRAIN_LIMIT_MS = 10_000;

/** Standard output. */
const LOG_FD = 1;
/** What the last lines of a log may hold up the end of a process. */
const LAST_LINES_MS = 1_000;

function logTo(level: LogLevel, name: string) {
  const destination = new LogDestination(LOG_FD);
  process.once('exit', () => {
    destination.flushSync();
  });
  stopAtExit({ stop: () => undefined, waitStopped: () => !destination.hangs });
  return { destination, logger: pino({ level, base: { node: name } }, destination) };
}

/** The result is the exit code: 1 if the node failed by itself. */
export async function runNode(config: NodeConfig): Promise<number> {
  collectLessOften();
  const life = processLife();
  const { logger, destination } = logTo(config.logLevel, config.name);
  const node = await started(startNode(config, logger, { lostLogLines: () => destination.lost }), life);
  if (node === undefined) return 0;
  const [http, peer] = [formatAddress(node.http), formatAddress(node.peer)];
  logger.info({ http, peer, cluster: config.clusterId }, 'node listens');
  const why = await Promise.race([life.told, node.failed]);
  if (why instanceof Error) logger.error({ reason: why.message }, 'node failed, stopping');
  else logger.info({ reason: why }, 'node drains');
  await life.end(() => node.stop(), DRAIN_LIMIT_MS);
  await destination.flush(LAST_LINES_MS);
  // One that was slow to find out what is wrong says it where one does that found out at once.
  if (why instanceof Error && !node.hasComeUp()) throw why;
  return why instanceof Error ? 1 : 0;
}

export async function runRouter(config: RouterConfig): Promise<number> {
  collectLessOften();
  const life = processLife();
  const { logger, destination } = logTo(config.logLevel, 'router');
  const router = await started(startRouter(config, logger, { lostLogLines: () => destination.lost }), life);
  if (router === undefined) return 0;
  logger.info({ http: formatAddress(router.http) }, 'router listens');
  await life.told;
  await life.end(() => router.stop(), DRAIN_LIMIT_MS);
  await destination.flush(LAST_LINES_MS);
  return 0;
}

/** Undefined when told to stop before it had come up: nothing has been promised yet, so it may end as in a crash. */
function started<T>(starting: Promise<T>, life: ProcessLife): Promise<T | undefined> {
  return Promise.race([starting, life.told.then(() => undefined)]);
}
