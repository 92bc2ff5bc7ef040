/**
 * The plan of an embedded cluster: kept in `dataDir`, so that the same folder opens as the same cluster.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { FORMATS, numberWritten, reads, unknownNumber, type ClusterPlan } from '../shard/index.js';
import type { CheckedOptions } from './options.js';

const PLAN_FILE = 'cluster.json';
const { embeddedPlan } = FORMATS;

/** @throws RangeError when another build made the folder that this one cannot read, and when the folder holds a cluster with another number of nodes, replicas or shards. */
export function readOrMakePlan(options: CheckedOptions, freshId: string): ClusterPlan {
  const { nodes, replicas, shards, dataDir } = options;
  const plan = (clusterId: string): ClusterPlan => ({
    clusterId,
    nodes: Array.from({ length: nodes }, (_, i) => ({
      id: i + 1,
      name: `n${i + 1}`,
      peerAddress: '',
      httpAddress: '',
    })),
    shardCount: shards,
    replicas,
    leaseReads: false,
  });
  if (dataDir === undefined) return plan(freshId);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, PLAN_FILE);
  if (!existsSync(file)) {
    writeWhole(
      file,
      JSON.stringify({ format: numberWritten(embeddedPlan), clusterId: freshId, nodes, replicas, shards }),
    );
    return plan(freshId);
  }
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  // The first ones did not say it.
  const format = Number(kept['format'] ?? embeddedPlan.numbers.first);
  if (!reads(embeddedPlan, format)) throw new RangeError(`${file}: ${unknownNumber(embeddedPlan, format)}`);
  for (const [field, value] of Object.entries({ nodes, replicas, shards })) {
    if (kept[field] !== value) {
      throw new RangeError(`${field} is ${value}, but ${dataDir} holds a cluster made with ${String(kept[field])}`);
    }
  }
  if (typeof kept['clusterId'] !== 'string') throw new RangeError(`clusterId is missing in ${file}`);
  return plan(kept['clusterId']);
}

/** There whole or not at all, also after a power cut: without its id the folder's nodes are nobody's. */
function writeWhole(file: string, text: string): void {
  const temporary = `${file}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
