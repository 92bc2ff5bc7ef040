/**
 * Which directions a shape of a broken network cuts: partition, ring, bridge, isolation. Pure.
 *
 * The links here are TCP, so a shape of several nodes cuts both directions: over a link with one direction left nothing
 * new can be connected and nothing is acknowledged. One-way cuts are faults of their own.
 */
import type { Party } from './fault.js';

/** What `from` sends does not reach `to`. */
export interface Cut {
  readonly from: Party;
  readonly to: Party;
}

const bothWays = (a: Party, b: Party): Cut[] => [
  { from: a, to: b },
  { from: b, to: a },
];

/** All pairs of `parties` for which `apart` is true. */
function between(parties: readonly Party[], apart: (i: number, j: number) => boolean): Cut[] {
  return parties.flatMap((a, i) => parties.slice(i + 1).flatMap((b, k) => (apart(i, i + 1 + k) ? bothWays(a, b) : [])));
}

/** `sides` must contain every party that is to be on a side. */
export function partition(sides: readonly (readonly Party[])[]): Cut[] {
  const side = sides.flatMap((members, index) => members.map(() => index));
  return between(sides.flat(), (i, j) => side[i] !== side[j]);
}

export const isolation = (node: number, nodes: readonly number[]): Cut[] =>
  nodes.filter((other) => other !== node).flatMap((other) => bothWays(node, other));

/**
 * The majorities ring of Jepsen: in a circle, each node sees as many neighbours on either side as make a majority.
 * Of three nodes this would be all: there, the ring is left open at one place, which still gives three majorities.
 * @param nodes at least three, in the order of the circle
 */
export function ring(nodes: readonly number[]): Cut[] {
  const count = nodes.length;
  const majority = Math.floor(count / 2) + 1;
  const reach = Math.ceil((majority - 1) / 2);
  if (count === 3) return between(nodes, (i, j) => i === 0 && j === 2);
  return between(nodes, (i, j) => Math.min(j - i, count - (j - i)) > reach);
}

/** Two halves that meet in one node, the middle of `nodes`. @param nodes at least three */
export function bridge(nodes: readonly number[]): Cut[] {
  const middle = Math.floor(nodes.length / 2);
  return between(nodes, (i, j) => i < middle && j > middle);
}
