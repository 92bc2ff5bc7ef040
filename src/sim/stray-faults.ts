/** Faults that are processes too many: nodes of another cluster among those of this one, and copies of its own. */
import { someNode, type Inject } from './fault.js';
import { Incarnation } from './scheduler.js';

/**
 * An operator's slip: a node of another cluster is started with this one's addresses, beside the node of its id or, while
 * that is down, in its place. Only once all nodes know which cluster they belong to: before, nobody could tell.
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
 * An operator's slip: a copy of a data folder, made a while ago, is started beside its original, at an address of its own. The
 * node with the highest id dials nobody and is left out; and all must be linked, else nobody could tell which is which.
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
