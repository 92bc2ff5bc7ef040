/** Faults that are processes of the wrong kind: nodes of another cluster among those of this one. */
import { someNode, type Inject } from './fault.js';

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
