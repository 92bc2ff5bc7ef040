/** How a check of the harness says that the core broke an invariant. */

export class Broken extends Error {
  override readonly name = 'Broken';
}

export function demand(holds: boolean, problem: () => string): asserts holds {
  if (!holds) throw new Broken(problem());
}
