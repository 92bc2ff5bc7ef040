/**
 * By what is seen that a fault bites: without one, a fault that does nothing would look like one that is borne well.
 *
 * Only of faults that leave nothing to be seen from outside when they do nothing; a killed or cut off node is missed.
 * Asks nodes over HTTP. Knows no plan.
 */
import type { FaultStatus, NodeView } from '../../src/faults/index.js';
import type { FaultKind } from './kinds.js';

export type Symptom = (status: FaultStatus) => Promise<boolean>;

const ASK_LIMIT_MS = 1_000;

const HANGS = /^.*disk.* a write has been under way /m;
const IS_FULL = /^kvorum_storage_stalled\{waits="[a-z]+",reason="disk-full"\} 1$/m;
/** A narrow link that holds nothing up for so long passes all that there is. */
const LEAST_HELD_MS = 50;

/** Kinds that are not named have none. */
export const SYMPTOMS: Readonly<Partial<Record<FaultKind, Symptom>>> = {
  'hung-disk': ({ nodes }) => anyShows(nodes, '/readyz', HANGS),
  'full-disk': ({ nodes }) => anyShows(nodes, '/metrics', IS_FULL),
  'narrow-links': ({ links }) => Promise.resolve(links.some(({ heldMs = 0 }) => heldMs >= LEAST_HELD_MS)),
};

async function anyShows(nodes: readonly NodeView[], path: string, what: RegExp): Promise<boolean> {
  const running = nodes.filter(({ state }) => state === 'running');
  const texts = await Promise.all(running.map(({ url }) => textOf(`${url}${path}`)));
  return texts.some((text) => what.test(text));
}

/** Of an answer of any status; empty if there is none. */
async function textOf(url: string): Promise<string> {
  try {
    return await (await fetch(url, { signal: AbortSignal.timeout(ASK_LIMIT_MS) })).text();
  } catch {
    return '';
  }
}
