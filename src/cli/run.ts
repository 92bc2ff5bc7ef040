/**
 * `kvorum node` and `kvorum router`: runs one in this process until a stop is requested.
 */
import { pino } from 'pino';
import { formatAddress, type LogLevel, type NodeConfig, type RouterConfig } from '../config/index.js';
import { startNode, startRouter } from '../main.js';
import { stopAtExit } from '../shard/index.js';
import { collectGarbageLessOften } from './heap.js';
import { LogDestination } from './log-destination.js';
import { processLifecycle, type ProcessLifecycle } from './process-lifecycle.js';

/** Time limit for draining; then the process exits anyway, which is as safe as a crash. */
const DRAIN_LIMIT_MS = 10_000;

/** Standard output. */
const LOG_FD = 1;
/** How long the last log lines may delay the exit. */
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
  collectGarbageLessOften();
  const lifecycle = processLifecycle();
  const { logger, destination } = logTo(config.logLevel, config.name);
  const node = await started(startNode(config, logger, { lostLogLines: () => destination.lost }), lifecycle);
  if (node === undefined) return 0;
  const [http, peer] = [formatAddress(node.http), formatAddress(node.peer)];
  logger.info({ http, peer, cluster: config.clusterId }, 'node listens');
  const why = await Promise.race([lifecycle.stopRequested, node.failed]);
  if (why instanceof Error) logger.error({ reason: why.message }, 'node failed, stopping');
  else logger.info({ reason: why }, 'node drains');
  await lifecycle.end(() => node.stop(), DRAIN_LIMIT_MS);
  await destination.flush(LAST_LINES_MS);
  // Reported like an error at start, which a slow disk only delayed.
  if (why instanceof Error && !node.hasServed()) throw why;
  return why instanceof Error ? 1 : 0;
}

export async function runRouter(config: RouterConfig): Promise<number> {
  collectGarbageLessOften();
  const lifecycle = processLifecycle();
  const { logger, destination } = logTo(config.logLevel, 'router');
  const router = await started(startRouter(config, logger, { lostLogLines: () => destination.lost }), lifecycle);
  if (router === undefined) return 0;
  logger.info({ http: formatAddress(router.http) }, 'router listens');
  await lifecycle.stopRequested;
  await lifecycle.end(() => router.stop(), DRAIN_LIMIT_MS);
  await destination.flush(LAST_LINES_MS);
  return 0;
}

/**
 * Undefined if a stop was requested before it had started: nothing was acknowledged yet, so it may end as in a crash.
 */
function started<T>(starting: Promise<T>, lifecycle: ProcessLifecycle): Promise<T | undefined> {
  return Promise.race([starting, lifecycle.stopRequested.then(() => undefined)]);
}
