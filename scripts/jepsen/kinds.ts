/** The kinds of faults that a run may ask for, and the names of groups of them. Knows not how one is done. */

/** Of links: which nodes hear each other, how late, and how much gets lost. */
export const LINK_KINDS = [
  'halves',
  'isolated-leader',
  'ring',
  'bridge',
  'one-way',
  'flapping',
  'slow-links',
  'lossy-links',
  'narrow-links',
] as const;
/** Of processes. */
export const PROCESS_KINDS = [
  'kill-one',
  'kill-leader',
  'kill-all',
  'pause',
  'restart',
  'other-settings',
  'rolling-settings',
] as const;
/** Of disks; all by the shim. */
export const DISK_KINDS = ['slow-disk', 'hung-disk', 'full-disk', 'failed-disk'] as const;
/** Of the machine's date; by the same shim. */
export const CLOCK_KINDS = ['clock-steps'] as const;
/** Of what a node is by its folder: it lost it, went back in time, exists twice, or is another cluster's. */
export const FOLDER_KINDS = ['wiped-disk', 'rolled-back-disk', 'copied-node', 'stray'] as const;

/** What the proxies alone can do: links between network namespaces are only cut. */
export const PROXY_KINDS: readonly FaultKind[] = ['slow-links', 'lossy-links', 'narrow-links'];
/** What the shim before libc does. */
export const SHIM_KINDS: readonly FaultKind[] = [...DISK_KINDS, ...CLOCK_KINDS];
/** What needs more processes than the nodes. */
export const SUPERVISOR_KINDS: readonly FaultKind[] = ['copied-node', 'stray'];

export const KINDS = [...LINK_KINDS, ...PROCESS_KINDS, ...DISK_KINDS, ...CLOCK_KINDS, ...FOLDER_KINDS] as const;
export type FaultKind = (typeof KINDS)[number];

export const GROUPS: Readonly<Record<string, readonly FaultKind[]>> = {
  partition: ['halves', 'isolated-leader', 'ring', 'bridge', 'one-way', 'flapping'],
  kill: ['kill-one', 'kill-leader', 'kill-all'],
  links: PROXY_KINDS,
  disk: DISK_KINDS,
  clock: CLOCK_KINDS,
  folder: FOLDER_KINDS,
  mixed: KINDS,
  all: KINDS,
};

/** Fewer nodes than this cannot be parted in that shape. */
const LEAST_NODES: Partial<Record<FaultKind, number>> = {
  halves: 2,
  'isolated-leader': 2,
  ring: 3,
  bridge: 3,
  'one-way': 2,
  flapping: 2,
  'slow-links': 2,
  'lossy-links': 2,
  'narrow-links': 2,
  // The others have to be there, to find fault with it.
  'other-settings': 2,
  'failed-disk': 2,
  'wiped-disk': 3,
  'rolled-back-disk': 3,
  'copied-node': 3,
  stray: 3,
};
/**
 * With fewer copies of a shard one folder that is lost, or is away, may take the quorum with it that knows what was
 * acknowledged: then writes are rightly lost, or the shard rightly stays in quarantine (README, Limits).
 */
const REPLICAS_FOR_FOLDERS = 3;

/** Of the kinds that are asked for, those that no cluster of this shape can bear, and why. */
export function cannotBeDone({ kinds, replicas }: { readonly kinds: readonly FaultKind[]; readonly replicas: number }) {
  const cannot = new Map<FaultKind, string>();
  if (replicas >= REPLICAS_FOR_FOLDERS) return cannot;
  const why = `with --replicas ${replicas} one folder that is lost may be all there is of a write; it needs ${REPLICAS_FOR_FOLDERS}`;
  for (const kind of FOLDER_KINDS) if (kinds.includes(kind)) cannot.set(kind, why);
  return cannot;
}

export const fitsNodes = (kind: FaultKind, nodes: number): boolean => nodes >= (LEAST_NODES[kind] ?? 1);
export const leastNodes = (kind: FaultKind): number => LEAST_NODES[kind] ?? 1;

const isKind = (name: string): name is FaultKind => (KINDS as readonly string[]).includes(name);

/** Kinds named by a list such as `partition,kill-one`, each once. @throws RangeError with the names that there are. */
export function parseKinds(list: string): FaultKind[] {
  const kinds = list.split(',').flatMap((name): readonly FaultKind[] => {
    const trimmed = name.trim();
    const group = Object.hasOwn(GROUPS, trimmed) ? GROUPS[trimmed] : undefined;
    if (group !== undefined) return group;
    if (isKind(trimmed)) return [trimmed];
    const known = [...Object.keys(GROUPS), ...KINDS].join(', ');
    throw new RangeError(`there is no fault ${JSON.stringify(trimmed)}; there are ${known}`);
  });
  return [...new Set(kinds)];
}
