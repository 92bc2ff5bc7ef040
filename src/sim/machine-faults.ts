/** Faults of a machine under its process: its disk is slow, stalls, fails or rots; its clocks jump and drift. */
import { nothing, someLeader, someNode, type Inject, type Injected, type Scene } from './fault.js';
import type { VirtualNode } from './virtual-node.js';

function slowed({ cluster, random }: Scene, node: VirtualNode | undefined): Injected | undefined {
  if (node === undefined) return undefined;
  const { faults } = cluster.disk(node.id);
  faults.slowFactor = random.pick([10, 50, 200]);
  return {
    what: `n${node.id}, ${faults.slowFactor} times`,
    end: () => {
      faults.slowFactor = 1;
    },
  };
}

export const slowDisk: Inject = (scene) => slowed(scene, someNode(scene));

/** The followers acknowledge, and the entry commits, before it is durable at the leader itself. */
export const slowLeaderDisk: Inject = (scene) => slowed(scene, someLeader(scene));

export const diskStall: Inject = (scene) => {
  const { cluster, scheduler, lastsMs } = scene;
  const node = someNode(scene);
  if (node === undefined) return undefined;
  cluster.disk(node.id).faults.stallUntil = scheduler.now + lastsMs;
  return { what: `n${node.id}`, end: nothing };
};

/** Whether or not the node has failed by then, in the end it is on a working disk. */
const nextSyncFails =
  (how: 'full' | 'failure'): Inject =>
  (scene) => {
    const node = someNode(scene, ({ running, damaged }) => running && !damaged);
    if (node === undefined) return undefined;
    const { faults } = scene.cluster.disk(node.id);
    faults.failNextSync = how;
    node.failing = true;
    return {
      what: `n${node.id}`,
      end: () => {
        faults.failNextSync = undefined;
        if (node.failed) node.kill('process');
        node.start();
      },
    };
  };

export const diskFull = nextSyncFails('full');
export const syncFailure = nextSyncFails('failure');

/** Happens while the machine is off. The node must then refuse to start, and the others continue without it. */
export const bitFlip: Inject = (scene) => {
  const node = someNode(scene, ({ running, damaged }) => running && !damaged);
  if (node === undefined) return undefined;
  node.kill('power');
  node.damaged = scene.cluster.disk(node.id).flipBit();
  return {
    what: `n${node.id}${node.damaged ? '' : ' (no row to flip)'}`,
    end: () => {
      node.start();
    },
  };
};

export const clockJump: Inject = (scene) => {
  const node = someNode(scene);
  if (node === undefined) return undefined;
  const ms = Math.round(scene.random.between(-120_000, 120_000));
  node.clock.jumpWall(ms);
  return { what: `n${node.id} by ${ms} ms`, end: nothing };
};

export const clockDrift: Inject = (scene) => {
  const node = someNode(scene);
  if (node === undefined) return undefined;
  const { mostDrift } = scene.cluster;
  node.clock.rate = 1 + scene.random.between(-mostDrift, mostDrift);
  return { what: `n${node.id} to ${node.clock.rate.toFixed(3)}`, end: nothing };
};
