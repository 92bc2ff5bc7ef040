/**
 * How two ends establish a link: hellos as bytes, judged by the production code, in the order in which sockets exchange
 * them. Lower node ids dial higher ones, routers dial nodes; an end refused because the other side cannot read its
 * hello sends it again in the former layout.
 */
import {
  ROUTER_PEERS,
  encodeHello,
  checkCalleeHello,
  checkCallerHello,
  newestLayout,
  type Hello,
  type HelloLayout,
  type NodeId,
  type PeerId,
  type LinkRefusal,
} from '../shard/index.js';
import type { VirtualTransport } from './virtual-transport.js';

/** The hellos that each side received, and the version of the link; or why there is none. */
export type Greeting =
  | { readonly ofDialler: Hello; readonly ofAcceptor: Hello; readonly version: number }
  | { readonly refused: LinkRefusal };

export const dials = (a: PeerId, b: PeerId): boolean => a >= ROUTER_PEERS || (b < ROUTER_PEERS && a < b);

/** `members`: the nodes in the acceptor's topology. */
export function greet(
  dialler: VirtualTransport,
  acceptor: VirtualTransport,
  members: ReadonlyMap<NodeId, string>,
): Greeting {
  const newest = newestLayout(dialler.protocol);
  const greeting = greetIn(newest, { dialler, acceptor, members });
  const isUnread = 'refused' in greeting && greeting.isUnread;
  return isUnread && newest > 1 ? greetIn(1, { dialler, acceptor, members }) : greeting;
}

interface Ends {
  readonly dialler: VirtualTransport;
  readonly acceptor: VirtualTransport;
  readonly members: ReadonlyMap<NodeId, string>;
}

function greetIn(
  layout: HelloLayout,
  { dialler, acceptor, members }: Ends,
): Exclude<Greeting, { refused: LinkRefusal }> | { readonly refused: LinkRefusal; readonly isUnread: boolean } {
  const asked = checkCallerHello(acceptor.identity, members, encodeHello(dialler.helloTo(acceptor.id), layout));
  if ('refused' in asked) {
    return { ...asked, isUnread: asked.refused.reason === 'wrong-version' || asked.refused.reason === 'bad-hello' };
  }
  const theirs = acceptor.objection(asked.hello);
  if (theirs !== undefined) return { refused: theirs, isUnread: false };
  const answered = checkCalleeHello(
    dialler.identity,
    acceptor.id,
    encodeHello(acceptor.helloTo(dialler.id), asked.layout),
  );
  if ('refused' in answered) return { ...answered, isUnread: false };
  const ours = dialler.objection(answered.hello);
  if (ours !== undefined) return { refused: ours, isUnread: false };
  return { ofDialler: asked.hello, ofAcceptor: answered.hello, version: asked.version };
}
