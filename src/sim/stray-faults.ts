/** Faults that add stray processes: nodes of another cluster, and copies of the cluster's own nodes. */
import { someNode, type Inject } from './fault.js';
import { Incarnation } from './scheduler.js';

/**
 * Operator error: a node of another cluster is started with this cluster's addresses, beside the node with its id or,
 * while that is down, in its place. Only once all nodes know their cluster's id: before, none could tell them apart.
 */
export const foreign: Inject = ({ cluster, random, ...scene }) => {
  const node = someNode({ cluster, random, ...scene });
  if (node === undefined || cluster.nodes.length < 2) return undefined;
  if (!cluster.nodes.every(({ clusterUid }) => clusterUid !== undefined)) return undefined;
  const at = random.chance(0.5) ? 'elsewhere' : 'its-address';
  const stray = cluster.stray(node.id, at);
  if (stray === undefined) return undefined;
  if (at === 'its-address') node.kill(random.pick(['process', 'power']));
  stray.start();
  return {
    what: `n${node.id} ${at === 'elsewhere' ? 'beside the right one' : 'in its place'}`,
    end: () => {
      stray.kill('process');
      node.start();
    },
  };
};

/**
 * Operator error: a copy of a data folder, made a while ago, is started beside its original, at an address of its own.
 * The node with the highest id dials no node and is left out; and all must be linked, else the original could not be
 * told from the copy.
 */
export const copied: Inject = (scene) => {
  const { cluster, scheduler, random, lastsMs } = scene;
  const { nodes } = cluster;
  if (!nodes.every((node) => nodes.every((other) => node === other || node.isLinked(other.id)))) return undefined;
  const node = someNode(scene, ({ id, serving, failing }) => id < nodes.length && serving && !failing);
  if (node === undefined) return undefined;
  const copy = cluster.copy(node.id);
  const episode = new Incarnation();
  scheduler.after(lastsMs * random.between(0, 0.5), episode, () => {
    copy.start();
  });
  return {
    what: `n${node.id}`,
    end: () => {
      episode.end();
      copy.kill('process');
    },
  };
};
