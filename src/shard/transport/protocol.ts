/**
 * What this build supports: the range of link protocol versions, and the feature level.
 *
 * - The *protocol version* belongs to one link: both sides state their range in the hello, and frames use the highest
 *   common version. Changes to the bytes of a frame are written only on links whose version has them, so a cluster can
 *   be upgraded node by node.
 * - The *feature level* belongs to the cluster: it decides the contents of replicated logs, snapshots and the topology,
 *   which every node must be able to read for ever. The cluster's level is committed in the topology once all nodes
 *   have it, and never decreases (`Topology.featureLevel`).
 */
import { FORMATS, numberWritten } from '../formats.js';

/** Both ends inclusive. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

export interface Protocol {
  readonly versions: VersionRange;
  readonly featureLevel: number;
}

/**
 * Versions of the link protocol:
 *
 * 1. Hellos name exactly one version, and a peer with another one is refused.
 * 2. Hellos carry a range, a feature level and an extension. Frames begin with this number. Pings may say `failed`,
 *    answers to heartbeats a promise. Long frames go in pieces (`pieces.ts`), between which urgent ones pass, and what
 *    arrives is acknowledged.
 * 3. Pings carry the wall clock. There are requests and answers of the operations of feature level 3.
 *
 * Feature levels, by what may be replicated:
 *
 * 1. Topologies without `featureLevel`, `clusterUid`, `timers` and `leases`.
 * 2. These four.
 * 3. Commands that are programs.
 * 4. Of transactions over shards: conclusions, entries with several messages, decisions with the index of their entry.
 */
export const PROTOCOL: Protocol = {
  versions: { min: Math.min(...FORMATS.linkVersion.read), max: numberWritten(FORMATS.linkVersion) },
  featureLevel: numberWritten(FORMATS.featureLevel),
};

/** The protocol of builds that know only the first hello. */
export const FORMER_PROTOCOL: Protocol = { versions: { min: 1, max: 1 }, featureLevel: 1 };

/** The version that two sides use; undefined if they have none in common. */
export function commonVersion(a: VersionRange, b: VersionRange): number | undefined {
  const version = Math.min(a.max, b.max);
  return version >= Math.max(a.min, b.min) ? version : undefined;
}

/** A range for messages and logs: `1..2`. */
export const describeVersions = ({ min, max }: VersionRange): string => (min === max ? `${min}` : `${min}..${max}`);
