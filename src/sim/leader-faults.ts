/**
 * Faults that are made for leaders: each is a small story that chance alone would seldom tell.
 */
import type { GroupId } from '../shard/index.js';
import { nothing, someLeader, someNode, type Inject, type Scene } from './fault.js';
import type { LinkRule } from './virtual-network.js';
import type { VirtualNode } from './virtual-node.js';

/** Steps of a story at their times, and an end that undoes whatever was done, and all that was still to come. */
class Story {
  readonly #undo: (() => void)[] = [];
  readonly #scene: Scene;
  #ended = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** `share` of the fault's time from now. */
  at(share: number, step: () => void): void {
    this.#scene.scheduler.after(share * this.#scene.lastsMs, undefined, () => {
      if (!this.#ended) step();
    });
  }

  /** Returns what ends it before the story does. */
  rule(rule: LinkRule): () => void {
    const owner = {};
    const remove = (): void => {
      this.#scene.cluster.network.removeRule(owner);
    };
    this.#scene.cluster.network.addRule(owner, rule);
    this.#undo.push(remove);
    return remove;
  }

  atEnd(undo: () => void): void {
    this.#undo.push(undo);
  }

  readonly end = (): void => {
    this.#ended = true;
    for (const undo of this.#undo.splice(0)) undo();
  };
}

const deaf =
  ({ id }: VirtualNode, { cluster }: Scene): LinkRule =>
  (from, to) =>
    to === id && isOneOf(cluster.nodes, from) ? { cut: true } : undefined;

const isolated =
  ({ id }: VirtualNode, { cluster }: Scene): LinkRule =>
  (from, to) =>
    (to === id && isOneOf(cluster.nodes, from)) || (from === id && isOneOf(cluster.nodes, to))
      ? { cut: true }
      : undefined;

const isOneOf = (nodes: readonly VirtualNode[], id: number): boolean => nodes.some((node) => node.id === id);

/**
 * A leader stands still with answers in its inbox. When it goes on, it finds these, and does not hear for a while yet
 * that it has been replaced.
 */
export const freezeLeader: Inject = (scene) => {
  const node = someLeader(scene);
  if (node === undefined || scene.cluster.nodes.length < 2) return undefined;
  const { random } = scene;
  const story = new Story(scene);
  node.pause();
  story.atEnd(() => {
    node.resume();
  });
  story.at(random.pick([0, 0.05, 0.1]), () => story.rule(deaf(node, scene)));
  story.at(random.between(0.5, 0.9), () => {
    node.resume();
  });
  return { what: `n${node.id}`, end: story.end };
};

/**
 * A leader is cut off with what it has just taken; its successor dies; and the first comes back while a third is elected,
 * or soon after.
 */
export const succession: Inject = (scene) => {
  const first = someLeader(scene);
  if (first === undefined || scene.cluster.nodes.length < 3) return undefined;
  const { random } = scene;
  const group = random.pick(groupsLedBy(first));
  const story = new Story(scene);
  const comeBack = story.rule(isolated(first, scene));
  const diesAt = random.between(0.3, 0.7);
  story.at(diesAt, () => {
    const second = someNode(scene, (node) => node !== first && node.serving && groupsLedBy(node).includes(group));
    second?.kill(random.pick(['process', 'power']));
    story.atEnd(
      second === undefined
        ? nothing
        : () => {
            second.start();
          },
    );
  });
  story.at(random.pick([diesAt, random.between(diesAt, 0.9)]), comeBack);
  return { what: `of n${first.id} in g${group}`, end: story.end };
};

const groupsLedBy = (node: VirtualNode): GroupId[] =>
  [...node.replicas()].filter(({ raft }) => raft.role === 'leader').map(({ id }) => id);
