/**
 * Loopback ports for the nodes of a local cluster: those of the last start where they are still free. New ones are
 * below the ephemeral range, so that no outgoing connection takes one while a node is down.
 */
import getPort from 'get-port';
import { LOOPBACK } from '../loopback.js';
import type { ClusterRecord } from './cluster-file.js';

const LOWEST = 20_000;
const COUNT = 12_000;
const TRIES = 64;

export type NodePorts = ClusterRecord['ports'][number];

export async function choosePorts(nodes: number, remembered: readonly NodePorts[]): Promise<NodePorts[]> {
  const chosen: NodePorts[] = [];
  const taken = new Set(remembered.flatMap((ports) => [ports.peer, ports.http]));
  for (let index = 0; index < nodes; index++) {
    const earlier = remembered[index];
    chosen.push({ peer: await onePort(earlier?.peer, taken), http: await onePort(earlier?.http, taken) });
  }
  return chosen;
}

async function onePort(preferred: number | undefined, taken: Set<number>): Promise<number> {
  const candidates = Array.from({ length: TRIES }, () => LOWEST + Math.floor(Math.random() * COUNT));
  const free = candidates.filter((port) => !taken.has(port));
  const port = await getPort({ port: preferred === undefined ? free : [preferred, ...free], host: LOOPBACK });
  taken.add(port);
  return port;
}
