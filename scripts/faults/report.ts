/** The state of a cluster under faults, as text: nodes, routers, unhealthy links, shards without a leader. */
import type { FaultStatus, LinkView, NodeView } from '../../src/faults/index.js';
import { formatSettings } from './arguments.js';
import { table } from '../support/table.js';

export function describeStatus({ nodes, shards, links, routers }: FaultStatus): string {
  const rows = nodes.map((node) => [
    node.name,
    stateOf(node),
    node.state === 'dead' ? '' : String(node.pid),
    node.state === 'running' ? String(shards.filter(({ leader }) => leader === node.node).length) : '',
    node.url,
  ]);
  const leaderless = shards.filter(({ leader }) => leader === null).map(({ shard }) => shard);
  return [
    table(['node', 'state', 'pid', 'leads', 'HTTP'], rows),
    `links: ${linksOf(links)}`,
    `shards: ${shardsOf(shards.length, leaderless)}`,
    `routers: ${routers.map(({ name, url }) => `${name} ${url}`).join(', ')}`,
  ].join('\n');
}

const DISKS = { full: 'disk full', hangs: 'disk hangs', fails: 'disk fails' } as const;

function stateOf({ state, ended, killed, slowDiskMs, disk = [], clockOffMs, stray, settings, copy }: NodeView): string {
  const liveness = state === 'dead' ? (killed ? 'dead' : `dead, ${ended ?? 'never started'}`) : state;
  const slower = slowDiskMs === 0 || state === 'dead' ? [] : [`disk ${slowDiskMs} ms slower`];
  const disks = disk.filter((what) => state !== 'dead' || what === 'fails').map((what) => DISKS[what]);
  const date = clockOffMs === undefined ? [] : [`date off by ${clockOffMs / 1_000} s`];
  const other = stray === true ? ['of another cluster'] : [];
  const own = settings === undefined ? [] : [formatSettings(settings)];
  const beside = copy === undefined ? [] : [`a copy beside it ${copy.ended ?? `runs (pid ${copy.pid})`}`];
  return [liveness, ...slower, ...disks, ...date, ...other, ...own, ...beside].join(', ');
}

function shardsOf(count: number, leaderless: readonly number[]): string {
  if (count === 0) return 'no node answers';
  if (leaderless.length === 0) return `all ${count} have a leader`;
  return `${count - leaderless.length} of ${count} have a leader; none for ${leaderless.join(', ')}`;
}

/** Both directions of a link with the same fault are one item: 1-2; else 1>2. */
function linksOf(links: readonly LinkView[]): string {
  if (links.length === 0) return 'all healthy';
  const items = new Set<string>();
  for (const link of links) {
    const back = links.find((other) => other.from === link.to && other.to === link.from);
    if (back === undefined || sufferingOf(back) !== sufferingOf(link)) {
      items.add(`${link.from}>${link.to} ${sufferingOf(link)}`);
    } else if (link.from < link.to || typeof link.from === 'string') {
      items.add(`${link.from}-${link.to} ${sufferingOf(link)}`);
    }
  }
  return [...items].join(', ');
}

function sufferingOf({ cut, delayMs, dropPercent, kbitPerSecond }: LinkView): string {
  const parts = [
    ...(cut ? ['cut'] : []),
    ...(delayMs > 0 ? [`${delayMs} ms later`] : []),
    ...(dropPercent > 0 ? [`loses ${dropPercent} %`] : []),
    ...(kbitPerSecond > 0 ? [`${kbitPerSecond} kbit/s`] : []),
  ];
  return parts.join(' and ');
}
