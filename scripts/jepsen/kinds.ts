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
export const PROCESS_KINDS = ['kill-one', 'kill-leader', 'kill-all', 'pause', 'restart'] as const;
/** Of disks. */
export const DISK_KINDS = ['slow-disk', 'hung-disk', 'full-disk'] as const;

/** What the proxies alone can do: links between network namespaces are only cut. */
export const PROXY_KINDS: readonly FaultKind[] = ['slow-links', 'lossy-links', 'narrow-links'];

export const KINDS = [...LINK_KINDS, ...PROCESS_KINDS, ...DISK_KINDS] as const;
export type FaultKind = (typeof KINDS)[number];

export const GROUPS: Readonly<Record<string, readonly FaultKind[]>> = {
  partition: ['halves', 'isolated-leader', 'ring', 'bridge', 'one-way', 'flapping'],
  kill: ['kill-one', 'kill-leader', 'kill-all'],
  links: PROXY_KINDS,
  disk: DISK_KINDS,
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
};

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
