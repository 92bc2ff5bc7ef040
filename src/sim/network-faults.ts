/** Network faults: which links are cut or slow. Routers reach all nodes, unless the fault is about them. */
import { ROUTER_PEERS, type NodeId, type PeerId } from '../shard/index.js';
import { named, nothing, someLeader, type Inject, type Scene } from './fault.js';
import { Incarnation } from './scheduler.js';
import type { VirtualNode } from './virtual-node.js';
import type { LinkRule } from './virtual-network.js';

const CUT = { cut: true };
/** Least number of nodes that has a majority without two of them. */
const MAJORITY_WITHOUT_TWO = 3;
const isNode = (id: PeerId): boolean => id < ROUTER_PEERS;

/** A fault that is a rule on links, generated from the nodes in a shuffled order; needs at least two nodes. */
function ruled(generate: (nodes: readonly NodeId[], scene: Scene) => readonly [what: string, rule: LinkRule]): Inject {
  return (scene) => {
    const { cluster, random } = scene;
    if (cluster.nodes.length < 2) return undefined;
    const [what, rule] = generate(random.shuffle(cluster.nodes.map(({ id }) => id)), scene);
    return withRule(scene, what, rule);
  };
}

export function withRule({ cluster }: Scene, what: string, rule: LinkRule): ReturnType<Inject> {
  const owner = {};
  cluster.network.addRule(owner, rule);
  return {
    what,
    end: () => {
      cluster.network.removeRule(owner);
    },
  };
}

/** Cuts the links between nodes inside and nodes outside `side`. */
const apart =
  (side: ReadonlySet<PeerId>): LinkRule =>
  (from, to) =>
    isNode(from) && isNode(to) && side.has(from) !== side.has(to) ? CUT : undefined;

const pickSide = (nodes: readonly NodeId[], { random }: Scene): ReadonlySet<NodeId> =>
  new Set(nodes.slice(0, random.integer(1, nodes.length - 1)));

export const halves = ruled((nodes, scene) => {
  const side = pickSide(nodes, scene);
  return [`${named(side)} | the others`, apart(side)];
});

export const flapping = ruled((nodes, scene) => {
  const side = pickSide(nodes, scene);
  const everyMs = scene.random.between(20, 300);
  const rule = apart(side);
  return [
    `${named(side)} every ${everyMs.toFixed(0)} ms`,
    (from, to) => (Math.floor(scene.scheduler.now / everyMs) % 2 === 0 ? rule(from, to) : undefined),
  ];
});

export const isolateLeader: Inject = (scene) => {
  const leader = someLeader(scene);
  if (leader === undefined || scene.cluster.nodes.length < 2) return undefined;
  return withRule(scene, `n${leader.id}`, apart(new Set([leader.id])));
};

/** A leader is cut off with uncommitted entries; meanwhile its successor dies and is succeeded in turn. */
export const deposeTwice: Inject = (scene) => {
  const { cluster, scheduler, lastsMs, random } = scene;
  const leader = someLeader(scene);
  if (leader === undefined || cluster.nodes.length < MAJORITY_WITHOUT_TWO) return undefined;
  const cut = withRule(scene, `n${leader.id}`, apart(new Set([leader.id])));
  const victims: VirtualNode[] = [];
  const episode = new Incarnation();
  scheduler.after(lastsMs / 2, episode, () => {
    const leads = (node: VirtualNode): boolean => [...node.replicas()].some(({ raft }) => raft.role === 'leader');
    const successor = cluster.nodes.find((node) => node !== leader && node.serving && leads(node));
    if (successor === undefined) return;
    successor.kill(random.pick(['process', 'power']));
    victims.push(successor);
    // Now it can stand for election itself, with entries that no other node has, against nodes with later ones.
    if (random.chance(0.5)) cut?.end();
    // The successor may be needed for the next majority.
    scheduler.after(lastsMs / 8, episode, () => {
      successor.start();
    });
  });
  return {
    what: `n${leader.id}`,
    end: () => {
      episode.end();
      cut?.end();
      for (const victim of victims) victim.start();
    },
  };
};

export const oneWay = ruled(([node = 0], { random }) => {
  const deaf = random.chance(0.5);
  return [
    deaf ? `n${node} hears nobody` : `nobody hears n${node}`,
    (from, to) => (isNode(from) && isNode(to) && (deaf ? to : from) === node ? CUT : undefined),
  ];
});

/** Each node is linked to its neighbours only, up to a majority including itself. */
export const ring = ruled((nodes) => {
  const place = new Map(nodes.map((id, i) => [id, i]));
  const reach = Math.floor((Math.floor(nodes.length / 2) + 1) / 2);
  return [
    nodes.map((id) => `n${id}`).join('-'),
    (from, to) => {
      const [a, b] = [place.get(from), place.get(to)];
      if (a === undefined || b === undefined) return undefined;
      const distance = Math.abs(a - b);
      return Math.min(distance, nodes.length - distance) > reach ? CUT : undefined;
    },
  ];
});

/** Two halves; only one node is linked to both. */
export const bridge = ruled(([middle = 0, ...others]) => {
  const rule = apart(new Set(others.slice(0, Math.ceil(others.length / 2))));
  return [`over n${middle}`, (from, to) => (from === middle || to === middle ? undefined : rule(from, to))];
});

export const slowLink = ruled(([node = 0], { random }) => {
  const effect = { delayMs: random.between(5, 300) };
  return [
    `n${node} by ${effect.delayMs.toFixed(0)} ms`,
    (from, to) => (from === node || to === node ? effect : undefined),
  ];
});

export const lossy = ruled(([node = 0], { random }) => {
  const effect = { lossProbability: random.pick([0.1, 0.3, 0.6]) };
  return [
    `n${node}, ${effect.lossProbability * 100} %`,
    (from, to) => (from === node || to === node ? effect : undefined),
  ];
});

/** Routers lose contact with some nodes, or only the answers of these. */
export const routerCut: Inject = (scene) => {
  const { cluster, random } = scene;
  const lost = new Set<PeerId>(cluster.nodes.map(({ id }) => id).filter(() => random.chance(0.6)));
  const answersOnly = random.chance(0.3);
  return withRule(scene, `from ${named(lost)}${answersOnly ? ' (answers are lost)' : ''}`, (from, to) => {
    if (isNode(from) === isNode(to)) return undefined;
    return lost.has(isNode(from) ? from : to) && (!answersOnly || isNode(from)) ? CUT : undefined;
  });
};

/** Links break, which loses what is under way on them; they are re-established at once. */
export const resetLinks: Inject = ({ cluster, random }) => {
  const some = new Set<PeerId>(cluster.nodes.map(({ id }) => id).filter(() => random.chance(0.5)));
  const chosen = some.size > 1 ? some : undefined;
  cluster.network.resetLinks(chosen);
  return { what: chosen === undefined ? 'all' : named(chosen), end: nothing };
};
