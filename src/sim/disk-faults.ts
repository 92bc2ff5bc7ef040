/** Faults of disks that models add: they hang, have no room for a while, are put back to an earlier moment, or emptied. */
import { someLeader, someNode, type Inject, type Scene } from './fault.js';
import { Incarnation } from './scheduler.js';
import type { VirtualNode } from './virtual-node.js';

/** Rather a leader: what stands still there, clients wait for. */
const pickNode = (scene: Scene, fits: (node: VirtualNode) => boolean): VirtualNode | undefined => {
  const leader = scene.random.chance(0.6) ? someLeader(scene) : undefined;
  return leader !== undefined && fits(leader) ? leader : someNode(scene, fits);
};

/** Nothing completes; then it goes on as if nothing had been. */
export const hung: Inject = (scene) => {
  const node = pickNode(scene, ({ running, damaged }) => running && !damaged);
  if (node === undefined) return undefined;
  const disk = scene.cluster.disk(node.id);
  disk.hang();
  return {
    what: `n${node.id}`,
    end: () => {
      disk.goOn();
    },
  };
};

/** Nobody starts it again for that: a node that has ended by then has ended for no reason. */
export const full: Inject = (scene) => {
  const node = pickNode(scene, ({ running, damaged, failing }) => running && !damaged && !failing);
  if (node === undefined) return undefined;
  const { faults } = scene.cluster.disk(node.id);
  faults.isFull = true;
  return {
    what: `n${node.id}`,
    end: () => {
      faults.isFull = false;
      node.start();
    },
  };
};

const healthy = ({ running, damaged, failing }: VirtualNode): boolean => running && !damaged && !failing;

/** Of the fault's time, at the earliest: what is written until then is what gets lost. */
export const ROLLED_BACK_FROM = 0.2;

/** What it has acknowledged since the fault began is gone; those who heard of it live on. */
export const rolledBack: Inject = (scene) => {
  const { cluster, scheduler, random, lastsMs } = scene;
  const node = someNode(scene, healthy);
  if (node === undefined) return undefined;
  const disk = cluster.disk(node.id);
  const image = disk.image();
  const episode = new Incarnation();
  scheduler.after(lastsMs * random.between(ROLLED_BACK_FROM, 0.9), episode, () => {
    episode.end();
    node.kill(random.pick(['process', 'power']));
    disk.restore(image);
  });
  return {
    what: `n${node.id}`,
    end: () => {
      episode.end();
      node.start();
    },
  };
};

export const wiped: Inject = (scene) => {
  const node = someNode(scene, healthy);
  if (node === undefined) return undefined;
  node.kill('power');
  scene.cluster.disk(node.id).restore(undefined);
  return {
    what: `n${node.id}`,
    end: () => {
      node.start();
    },
  };
};
