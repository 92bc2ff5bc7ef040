/**
 * How to see that a fault has taken effect: without a symptom, a fault that does nothing would look like one that is
 * tolerated.
 *
 * Only for faults whose absence would not show from outside; a killed or isolated node shows anyway. Asks nodes over
 * HTTP.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { CopyView, FaultStatus, NodeSettings, NodeView } from '../../src/faults/index.js';
import type { FaultKind } from './kinds.js';

export type Symptom = (status: FaultStatus) => Promise<boolean>;

const ASK_LIMIT_MS = 1_000;

const HANGS = /^.*disk.* a write has been under way /m;
const IS_FULL = /^kvorum_storage_stalled\{waits="[a-z]+",reason="disk-full"\} 1$/m;
/** A narrow link that never holds anything up for this long passes everything. */
const LEAST_HELD_MS = 50;

/**
 * Logged when another node has rejected the folder, before anything goes over the link to it. Of the latest process
 * only.
 */
const WENT_BACK = /the data folder of this node went back in time/;
const REFUSED = /node \d+ refused this process: another one is alive as node \d+/;
const TURNED_AWAY = /^kvorum_link_refused_total\{reason="wrong-cluster"\} [1-9]/m;
const DIFFERS = /this node was started with other timers or lease reads than the cluster has/;

const warns =
  (of: RegExp) =>
  ({ warnings }: Pick<NodeView, 'warnings'>): boolean =>
    warnings.some((line) => of.test(line));

const wasRefused = (copy: CopyView): boolean => copy.ended === 'ended with code 1' && warns(REFUSED)(copy);

const diedOfItsDisk = ({ disk = [], state, ended }: NodeView): boolean =>
  disk.includes('fails') && state === 'dead' && ended === 'ended with code 1';

/** Kinds that are not named have none. */
export const SYMPTOMS: Readonly<Partial<Record<FaultKind, Symptom>>> = {
  'hung-disk': ({ nodes }) => anyShows(nodes, '/readyz', HANGS),
  'full-disk': ({ nodes }) => anyShows(nodes, '/metrics', IS_FULL),
  'failed-disk': ({ nodes }) => Promise.resolve(nodes.some(diedOfItsDisk)),
  'wiped-disk': ({ nodes }) => Promise.resolve(nodes.some(warns(WENT_BACK))),
  'rolled-back-disk': ({ nodes }) => Promise.resolve(nodes.some(warns(WENT_BACK))),
  'copied-node': ({ nodes }) => Promise.resolve(nodes.some(({ copy }) => copy !== undefined && wasRefused(copy))),
  // The refusal is counted by the node that was dialled: a stray with the highest id is dialled, and refuses the
  // others.
  stray: ({ nodes }) => anyShows(nodes, '/metrics', TURNED_AWAY),
  'other-settings': ({ nodes }) =>
    Promise.resolve(nodes.some((node) => node.settings !== undefined && warns(DIFFERS)(node))),
  'rolling-settings': async ({ nodes }) => {
    const [first] = nodes;
    if (first?.settings === undefined) return false;
    return (
      nodes.every(({ settings }) => isDeepStrictEqual(settings, first.settings)) && isInForce(nodes, first.settings)
    );
  },
  'clock-steps': async ({ nodes }) => (await Promise.all(nodes.map(hasSteppedDate))).includes(true),
  'narrow-links': ({ links }) => Promise.resolve(links.some(({ heldMs = 0 }) => heldMs >= LEAST_HELD_MS)),
};

/** For the date that a node reports: whole seconds, and the time of an answer. */
const DATE_TOLERANCE_MS = 4_000;

/** Its clock was stepped, and is off by that much. */
async function hasSteppedDate({ state, url, clockOffMs }: NodeView): Promise<boolean> {
  if (state !== 'running' || clockOffMs === undefined || Math.abs(clockOffMs) <= DATE_TOLERANCE_MS) return false;
  try {
    const { headers } = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    const offMs = Date.parse(headers.get('date') ?? '') - Date.now();
    return Math.abs(offMs - clockOffMs) < DATE_TOLERANCE_MS;
  } catch {
    return false;
  }
}

async function anyShows(nodes: readonly NodeView[], path: string, what: RegExp): Promise<boolean> {
  return (await textsOf(nodes, path)).some((text) => what.test(text));
}

const clusterSchema = z.object({
  lease_reads: z.boolean(),
  timers: z.object({ tick_ms: z.number(), election_ticks: z.number() }).nullable(),
});

/** The whole cluster uses them, as any of the nodes reports. */
async function isInForce(nodes: readonly NodeView[], settings: NodeSettings): Promise<boolean> {
  const { tickMs, electionTicks, leaseReads = false } = settings;
  return (await textsOf(nodes, '/v1/cluster')).some((text) => {
    const said = text === '' ? undefined : clusterSchema.safeParse(JSON.parse(text)).data;
    const { tick_ms: ms, election_ticks: ticks } = said?.timers ?? {};
    return ms === tickMs && ticks === electionTicks && said?.lease_reads === leaseReads;
  });
}

function textsOf(nodes: readonly NodeView[], path: string): Promise<string[]> {
  const running = nodes.filter(({ state }) => state === 'running');
  return Promise.all(running.map(({ url }) => textOf(`${url}${path}`)));
}

/** The body of an answer of any status; empty if there is none. */
async function textOf(url: string): Promise<string> {
  try {
    return await (await fetch(url, { signal: AbortSignal.timeout(ASK_LIMIT_MS) })).text();
  } catch {
    return '';
  }
}
