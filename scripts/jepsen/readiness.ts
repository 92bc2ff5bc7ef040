/** Are all nodes up, caught up with the others, and able to serve? Asks each of them. */
import { setTimeout as pause } from 'node:timers/promises';
import type { FaultControl, NodeView } from '../../src/faults/index.js';
import { messageOf } from '../../src/thrown.js';

const ASK_LIMIT_MS = 2_000;
const PAUSE_MS = 100;

/** What keeps the node from being ready; undefined if nothing does. A shard that is unavailable anywhere counts. */
export async function complaintOf({ url }: Pick<NodeView, 'url'>): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/readyz?strict`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    return response.ok ? undefined : (await response.text()).trim().replaceAll('\n', '; ');
  } catch (error) {
    return `it does not answer: ${messageOf(error)}`;
  }
}

export interface ReadinessOptions {
  readonly complaint?: typeof complaintOf;
  readonly signal: AbortSignal;
  /** Number of the only node to ask. Default: all. */
  readonly only?: number;
}

/** Waits until all are ready, for `limitMs` at most, or until `signal`. @returns what is wrong then, one line each */
export async function unreadyNodes(
  control: FaultControl,
  limitMs: number,
  { complaint = complaintOf, signal, only }: ReadinessOptions,
): Promise<string[]> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const { nodes: all } = await control.status();
    const nodes = only === undefined ? all : all.filter(({ node }) => node === only);
    const wrong = (
      await Promise.all(
        nodes.map(async (node) => {
          const why = await complaint(node);
          return why === undefined ? [] : [`${node.name} is not ready: ${why}`];
        }),
      )
    ).flat();
    if (wrong.length === 0 || signal.aborted || performance.now() > giveUpAt) return wrong;
    await pause(PAUSE_MS);
  }
}
