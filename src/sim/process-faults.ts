/** Process faults: processes die, all at once or at the worst moment, are restarted, or are paused. */
import { named, someLeader, someNode, type Inject, type Injected } from './fault.js';
import { ROUTER_PEERS } from '../shard/index.js';
import { withRule } from './network-faults.js';
import { generateSettings } from './node-settings.js';
import type { Random } from '../random.js';
import { Incarnation } from './scheduler.js';
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

/** Most machines lose power at the same moment, so that what was only in memory is lost everywhere. */
export const powerCut: Inject = ({ cluster, random }) => {
  const all = random.chance(0.5);
  const nodes = cluster.nodes.filter(() => all || random.chance(0.6));
  for (const node of nodes) node.kill('power');
  return startAgain(...nodes);
};

/** The node crashes in the middle of its next sync, or right when that begins. */
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

/** A shutdown as by SIGTERM, then a start. */
export const restart: Inject = (scene) => {
  const node = someNode(scene, ({ serving }) => serving);
  if (node === undefined) return undefined;
  node.stop(scene.random.pick([0, 100, 500]));
  return {
    what: `n${node.id}`,
    end: () => {
      // The old process may still be shutting down: two must not run at once.
      node.kill('process');
      node.start();
    },
  };
};

/** A restart with other settings, as an operator performs it node by node. */
export const newSettings: Inject = (scene) => {
  const node = someNode(scene, ({ serving }) => serving);
  if (node === undefined) return undefined;
  node.stop(100);
  const settings = generateSettings(scene.random, scene.cluster.timers);
  return {
    what: `n${node.id}`,
    end: () => {
      node.kill('process');
      node.settings = settings;
      node.start();
    },
  };
};

/** The same at all nodes, one after the other: an operator's rolling restart. */
export const rollingSettings: Inject = ({ cluster, scheduler, random, lastsMs }) => {
  const settings = generateSettings(random, cluster.timers);
  const episode = new Incarnation();
  const pauseMs = lastsMs / (cluster.nodes.length + 1);
  const change = (node: VirtualNode): void => {
    node.settings = settings;
    node.kill('process');
    node.start();
  };
  for (const [i, node] of random.shuffle(cluster.nodes).entries()) {
    scheduler.after(i * pauseMs, episode, () => {
      if (node.serving) node.stop(pauseMs);
    });
    scheduler.after((i + 1) * pauseMs, episode, () => {
      change(node);
    });
  }
  const { timers, leaseReads } = settings;
  return {
    what: `to ${timers.electionTicks} ticks of ${timers.tickMs} ms${leaseReads ? ', with leases' : ''}`,
    end: () => {
      episode.end();
      for (const node of cluster.nodes) if (node.settings !== settings) change(node);
    },
  };
};

/** A node receives no news of the topology, and is restarted from the copy that it has. */
export const oldTopology: Inject = (scene) => {
  const node = someNode(scene, ({ serving }) => serving);
  if (node === undefined || scene.cluster.nodes.length < 2) return undefined;
  const episode = new Incarnation();
  const withheld = withRule(scene, `n${node.id}`, (from, to) =>
    to === node.id && from < ROUTER_PEERS ? { withholdsTopology: true } : undefined,
  );
  scene.scheduler.after(scene.lastsMs * scene.random.between(0.1, 0.6), episode, () => {
    node.kill('process');
    node.start();
  });
  return {
    what: `n${node.id}`,
    end: () => {
      episode.end();
      withheld?.end();
    },
  };
};

/** The first node of the previous build is shut down, and restarted as the current build. */
export const upgrade: Inject = ({ cluster }) => {
  const node = cluster.nodes.find(({ isFormer, serving }) => isFormer && serving);
  if (node === undefined) return undefined;
  node.stop(100);
  return {
    what: `n${node.id}`,
    end: () => {
      node.kill('process');
      node.isFormer = false;
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

/** Share of the fault's duration after which the leader is paused in any case. */
const FREEZE_AT_LAST = 0.2;

/**
 * A leader is paused while the others elect its successor; when resumed it processes what arrived before, such as the
 * confirmation of a read, and learns of no new term for a while: only its clients reach it.
 */
export const freezeLeader: Inject = (scene) => {
  const { cluster, scheduler, random, lastsMs } = scene;
  const leader = someLeader(scene);
  if (leader === undefined || leader.incarnation === undefined || cluster.nodes.length < 2) return undefined;
  const frozen = leader.incarnation;
  const episode = new Incarnation();
  let deafFrom = Infinity;
  const freeze = (): void => {
    disarm();
    if (episode.ended || deafFrom < Infinity) return;
    frozen.pause();
    deafFrom = scheduler.now + random.between(0, 10);
  };
  // Best just after a round for reads was sent, so that its answers arrive at the paused leader.
  const disarm = cluster.atReadRound(leader.id, freeze);
  scheduler.after(lastsMs * FREEZE_AT_LAST, episode, freeze);
  const cut = withRule(scene, `n${leader.id}`, (from, to) =>
    to === leader.id && from < ROUTER_PEERS && scheduler.now >= deafFrom ? { cut: true } : undefined,
  );
  scheduler.after(lastsMs * random.between(0.5, 0.9), episode, () => {
    scheduler.resume(frozen);
  });
  return {
    what: `n${leader.id}`,
    end: () => {
      disarm();
      episode.end();
      cut?.end();
      scheduler.resume(frozen);
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
