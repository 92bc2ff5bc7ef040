/** Faults of processes: they die, all at once or at the worst moment, are started again, or stand still. */
import { named, someLeader, someNode, type Inject, type Injected } from './fault.js';
import type { Random } from './random.js';
import type { VirtualNode } from './virtual-node.js';

const startAgain = (...nodes: readonly VirtualNode[]): Injected => ({
  what: named(nodes.map(({ id }) => id)),
  end: () => {
    for (const node of nodes) node.start();
  },
});

function killed(node: VirtualNode | undefined, random: Random): Injected | undefined {
  if (node === undefined) return undefined;
  node.kill(random.pick(['process', 'power']));
  return startAgain(node);
}

export const kill: Inject = (scene) =>
  killed(
    someNode(scene, (node) => node.running),
    scene.random,
  );

export const killLeader: Inject = (scene) => killed(someLeader(scene), scene.random);

export const killAll: Inject = ({ cluster }) => {
  for (const node of cluster.nodes) node.kill('process');
  return startAgain(...cluster.nodes);
};

/** Of most machines at the same moment, so that what only memory knew is gone everywhere. */
export const powerCut: Inject = ({ cluster, random }) => {
  const all = random.chance(0.5);
  const nodes = cluster.nodes.filter(() => all || random.chance(0.6));
  for (const node of nodes) node.kill('power');
  return startAgain(...nodes);
};

/** In the middle of its next sync, or right when that begins. */
export const crashAtSync: Inject = (scene) => {
  const { cluster, random } = scene;
  const node = someNode(scene, ({ serving }) => serving);
  if (node === undefined) return undefined;
  const disarm = cluster.atSync(node.id, random, () => {
    node.kill(random.pick(['process', 'power']));
  });
  const { what, end } = startAgain(node);
  return {
    what,
    end: () => {
      disarm();
      end();
    },
  };
};

/** As told by SIGTERM. */
export const restart: Inject = (scene) => {
  const node = someNode(scene, ({ serving }) => serving);
  if (node === undefined) return undefined;
  node.stop(scene.random.pick([0, 100, 500]));
  return {
    what: `n${node.id}`,
    end: () => {
      // A process that is still at ending is not started beside itself.
      node.kill('process');
      node.start();
    },
  };
};

export const pause: Inject = (scene) => {
  const node = someNode(scene, ({ running, paused }) => running && !paused);
  if (node === undefined) return undefined;
  node.pause();
  return {
    what: `n${node.id}`,
    end: () => {
      node.resume();
    },
  };
};

export const killRouter: Inject = ({ cluster, random }) => {
  if (cluster.routers.length === 0) return undefined;
  const router = random.pick(cluster.routers);
  router.kill();
  return {
    what: router.name,
    end: () => {
      router.start();
    },
  };
};
