/** The error of every check in the harness: the core broke an invariant. */

export class Broken extends Error {
  override readonly name = 'Broken';
}

export function demand(holds: boolean, problem: () => string): asserts holds {
  if (!holds) throw new Broken(problem());
}
