/** Messages of a local cluster when it starts, serves and stops: short, with what to do next. */
import { relative } from 'node:path';
import { logFolder } from './node-logs.js';

export interface ClusterSummary {
  readonly nodes: number;
  readonly routers: number;
  readonly dataDir: string;
}

const plural = (count: number, thing: string): string =>
  `${count === 1 ? 'a' : count} ${thing}${count === 1 ? '' : 's'}`;

const parts = ({ nodes, routers }: ClusterSummary): string =>
  `${plural(nodes, 'node')} and ${plural(routers, 'router')}`;

/** Relative to the working directory, if that is shorter. */
export function shortPath(path: string, from = process.cwd()): string {
  const beneath = relative(from, path);
  return beneath !== '' && beneath.length < path.length ? beneath : path;
}

export const startingLine = (cluster: ClusterSummary): string =>
  `starting ${parts(cluster)}, data in ${shortPath(cluster.dataDir)}`;

export interface NextSteps {
  readonly url: string;
  readonly dataDir: string;
  /** Node processes. */
  readonly pids: readonly number[];
  /** The control API for faults is on. */
  readonly faults: boolean;
  readonly hasLogs: boolean;
}

/** One line per thing to try, at most four. */
export function nextSteps({ url, dataDir, pids, faults, hasLogs }: NextSteps): string[] {
  const key = `${url.replace('http://', '')}/v1/kv/greeting`;
  const data = shortPath(dataDir);
  const victim = pids.at(-1) ?? 0;
  return [
    `try it    curl -X PUT ${key} -d hello; curl ${key}`,
    faults
      ? `break it  npm run faults -- --data ${data} isolate leader:0 (or status, heal, --help)`
      : `break it  kill -9 ${victim}, and try again; --faults adds links and disks (npm run faults -- --help)`,
    ...(hasLogs ? [`logs      ${shortPath(logFolder(dataDir))}, a file each; with --log-level info also here`] : []),
    'Ctrl-C    stops all of it; the next start finds the data',
  ];
}

export const stoppingLine = (cluster: ClusterSummary): string =>
  `stopping ${parts(cluster)}; their data stays in ${shortPath(cluster.dataDir)}`;
