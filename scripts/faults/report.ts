/** How a cluster under faults looks, for a person: nodes, routers, what is wrong with links, which shards have no leader. */
import type { FaultStatus, LinkView, NodeView } from '../../src/faults/index.js';
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

function stateOf({ state, ended, killed, slowDiskMs, disk = [] }: NodeView): string {
  if (state === 'dead') return killed ? 'dead' : `dead, ${ended ?? 'never started'}`;
  const slower = slowDiskMs === 0 ? [] : [`disk ${slowDiskMs} ms slower`];
  return [state, ...slower, ...disk.map((what) => (what === 'full' ? 'disk full' : 'disk hangs'))].join(', ');
}

function shardsOf(count: number, leaderless: readonly number[]): string {
  if (count === 0) return 'no node answers';
  if (leaderless.length === 0) return `all ${count} have a leader`;
  return `${count - leaderless.length} of ${count} have a leader; none for ${leaderless.join(', ')}`;
}

/** Directions of one link that suffer the same are one item: 1-2; else 1>2. */
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
