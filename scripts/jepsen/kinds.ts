/**
 * The kinds of faults that a run may use, and names for groups of them. How each is injected is defined in `steps.ts`.
 */

/** Faults of links: cut, slow, lossy, narrow. */
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
/** Faults of processes. */
export const PROCESS_KINDS = [
  'kill-one',
  'kill-leader',
  'kill-all',
  'pause',
  'restart',
  'other-settings',
  'rolling-settings',
] as const;
/** Faults of disks, all by the shim. */
export const DISK_KINDS = ['slow-disk', 'hung-disk', 'full-disk', 'failed-disk'] as const;
/** Faults of the wall clock, by the same shim. */
export const CLOCK_KINDS = ['clock-steps'] as const;
/** Faults of a node's identity: its folder is lost, went back in time, is used twice, or is another cluster's. */
export const FOLDER_KINDS = ['wiped-disk', 'rolled-back-disk', 'copied-node', 'stray'] as const;

/** Only the proxies can inject these: links between network namespaces can only be cut. */
export const PROXY_KINDS: readonly FaultKind[] = ['slow-links', 'lossy-links', 'narrow-links'];
/** Kinds that need the libc shim. */
export const SHIM_KINDS: readonly FaultKind[] = [...DISK_KINDS, ...CLOCK_KINDS];
/** Kinds that need further processes besides the nodes. */
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

/** The smallest cluster that can be partitioned in that shape. */
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
  // Other nodes have to be there to detect the difference.
  'other-settings': 2,
  'failed-disk': 2,
  'wiped-disk': 3,
  'rolled-back-disk': 3,
  'copied-node': 3,
  stray: 3,
};
/**
 * With fewer replicas of a shard, one folder that is lost or absent may take away the quorum that knows what was
 * acknowledged: then writes are legitimately lost, or the shard legitimately stays in quarantine (README, Limits).
 */
const REPLICAS_FOR_FOLDERS = 3;

/** Faults after which processes run as they did before. */
const WITHOUT_RESTART: readonly FaultKind[] = [...LINK_KINDS, 'pause', 'slow-disk', 'hung-disk', 'full-disk', 'stray'];

export interface Circumstances {
  readonly kinds: readonly FaultKind[];
  readonly replicas: number;
  /** What clients do. */
  readonly workload?: string;
}

/** Of the requested kinds, those that a cluster of this shape cannot survive, or that the workload cannot, and why. */
export function cannotBeDone({ kinds, replicas, workload }: Circumstances) {
  const cannot = new Map<FaultKind, string>();
  if (workload === 'ttl' && kinds.some((kind) => kind !== 'clock-steps' && !WITHOUT_RESTART.includes(kind))) {
    const why = 'a process that has restarted may have to go by its wall clock, so keys may legitimately go early';
    if (kinds.includes('clock-steps')) cannot.set('clock-steps', why);
  }
  if (replicas >= REPLICAS_FOR_FOLDERS) return cannot;
  const why = `with --replicas ${replicas} one folder that is lost may be all there is of a write; it needs ${REPLICAS_FOR_FOLDERS}`;
  for (const kind of FOLDER_KINDS) if (kinds.includes(kind)) cannot.set(kind, why);
  return cannot;
}

export const fitsNodes = (kind: FaultKind, nodes: number): boolean => nodes >= (LEAST_NODES[kind] ?? 1);
export const leastNodes = (kind: FaultKind): number => LEAST_NODES[kind] ?? 1;

const isKind = (name: string): name is FaultKind => (KINDS as readonly string[]).includes(name);

/** Parses a list such as `partition,kill-one`; each kind once. @throws RangeError that lists the known names */
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
