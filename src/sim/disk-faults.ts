/** Disk faults that models add: a disk hangs, is full for a while, is rolled back to an earlier moment, or emptied. */
import { someLeader, someNode, type Inject, type Scene } from './fault.js';
import { Incarnation } from './scheduler.js';
import type { VirtualNode } from './virtual-node.js';

/** Prefers a leader: clients wait for what stands still there. */
const pickNode = (scene: Scene, fits: (node: VirtualNode) => boolean): VirtualNode | undefined => {
  const leader = scene.random.chance(0.6) ? someLeader(scene) : undefined;
  return leader !== undefined && fits(leader) ? leader : someNode(scene, fits);
};

/** No sync completes for a while; then the disk continues normally. */
export const hung: Inject = (scene) => {
  const node = pickNode(scene, ({ running, damaged }) => running && !damaged);
  if (node === undefined) return undefined;
  const disk = scene.cluster.disk(node.id);
  disk.hang();
  return {
    what: `n${node.id}`,
    end: () => {
      disk.resume();
    },
  };
};

/** A full disk is no reason to end: nothing restarts the node while its disk is full. */
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

/** Earliest time of the rollback, as a share of the fault's duration: what was written in it until then gets lost. */
export const ROLLED_BACK_FROM = 0.2;

/** What the node acknowledged since the fault began is lost; the peers that saw those acknowledgements live on. */
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
