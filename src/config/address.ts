/**
 * Parses addresses, `host:port`, and the list of a cluster's members. No name is resolved.
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  /** A host name or IP address; an IPv6 address without its brackets. */
  readonly host: string;
  /** 1..65535; 0 (the system chooses) only if the parser allows it. */
  readonly port: number;
}

/**
 * One node of a cluster. Ids are positions in the list, counted from 1, so the list must be the same on each machine.
 */
export interface Member {
  readonly id: number;
  readonly name: string;
  readonly peer: Address;
  readonly http: Address;
}

/**
 * A node has one address and is reached at another one: through a port forward, a tunnel, or a proxy that cuts links.
 */
export interface Detour {
  readonly to: Address;
  readonly through: Address;
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9](?:[a-z0-9-]{0,62}))*\.?$/i;
const MEMBER_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/i;
/** A copy of the bound in `shard/bounds.ts` (see `settings.ts`). */
export const MAX_NODES = 100;

export const ADDRESS_FORM = 'host:port (an IPv6 host in brackets), port 1..65535';
export const DETOUR_FORM = 'knownHost:port=dialledHost:port, parted by commas';
export const CLUSTER_FORM = 'name=peerHost:peerPort@httpHost:httpPort, members parted by commas';

/** Undefined when the text is not an address. */
export function parseAddress(text: string, options: { readonly allowPortZero?: boolean } = {}): Address | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(0|[1-9]\d{0,4})$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port > 65_535 || (port === 0 && options.allowPortZero !== true)) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined;
  if (plain === undefined || !(isIPv4(plain) || isHostName(plain))) return undefined;
  return { host: plain, port };
}

/** A name of digits and dots only is a mistyped IPv4 address. */
function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && !/^[\d.]+$/.test(text);
}

/** A host name, or an address without brackets and port. */
export function isHost(text: string): boolean {
  return isIPv4(text) || isIPv6(text) || isHostName(text);
}

export function formatAddress(address: Address): string {
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/**
 * Parses `n1=10.0.0.1:7101@10.0.0.1:7001,n2=…`. Returns an error as a string, because the caller knows the field's
 * name.
 */
export function parseCluster(text: string): readonly Member[] | string {
  const members: Member[] = [];
  for (const part of text.split(',')) {
    const written = part.trim();
    const match = /^([^=]*)=([^@]*)@(.*)$/.exec(written);
    const [, name = '', peerText = '', httpText = ''] = match ?? [];
    if (match === null) return `member '${written}' is not of the form ${CLUSTER_FORM}`;
    if (!MEMBER_NAME.test(name)) {
      return `member name '${name}' must be 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit`;
    }
    const peer = parseAddress(peerText);
    if (peer === undefined) return `peer address '${peerText}' of ${name} is not ${ADDRESS_FORM}`;
    const http = parseAddress(httpText);
    if (http === undefined) return `http address '${httpText}' of ${name} is not ${ADDRESS_FORM}`;
    members.push({ id: members.length + 1, name, peer, http });
  }
  if (members.length > MAX_NODES) return `has ${members.length} members; at most ${MAX_NODES} are allowed`;
  return firstDuplicate(members) ?? members;
}

/** Parses `10.0.0.2:7001=127.0.0.1:9002,…`; returns an error as a string. */
export function parseDetours(text: string): readonly Detour[] | string {
  const detours: Detour[] = [];
  const known = new Set<string>();
  for (const part of text.split(',')) {
    const [toText = '', throughText = '', ...more] = part.trim().split('=');
    const [to, through] = [parseAddress(toText), parseAddress(throughText)];
    if (to === undefined || through === undefined || more.length > 0)
      return `'${part}' is not of the form ${DETOUR_FORM}`;
    if (known.has(formatAddress(to))) return `gives two ways to ${formatAddress(to)}`;
    known.add(formatAddress(to));
    detours.push({ to, through });
  }
  return detours;
}

export function formatDetours(detours: readonly Detour[]): string {
  return detours.map(({ to, through }) => `${formatAddress(to)}=${formatAddress(through)}`).join(',');
}

export function formatCluster(members: readonly Member[]): string {
  return members.map((m) => `${m.name}=${formatAddress(m.peer)}@${formatAddress(m.http)}`).join(',');
}

function firstDuplicate(members: readonly Member[]): string | undefined {
  const names = new Set<string>();
  const addresses = new Set<string>();
  for (const member of members) {
    if (names.has(member.name)) return `names the member ${member.name} twice`;
    names.add(member.name);
    for (const address of [formatAddress(member.peer), formatAddress(member.http)]) {
      if (addresses.has(address)) return `gives the address ${address} twice`;
      addresses.add(address);
    }
  }
  return undefined;
}
