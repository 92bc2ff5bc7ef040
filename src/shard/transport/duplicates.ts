/**
 * Two processes under one node id: a copy of a data folder was started beside the original.
 *
 * A process is identified by a random number in its hello. A node that is linked to one process of a node and gets a
 * hello from another one probes the linked process before it answers. If that responds, both were alive at once,
 * whatever any clock says, and the new process is refused. If it does not respond in time, its link is closed and the
 * new process is accepted: so a node that was killed can return although its old link still looks intact.
 *
 * A node without such a link asks the nodes that may have one (`duplicate-watch.ts`).
 *
 * These are decisions only, shared by every transport.
 */
import type { NodeId } from '../../raft/index.js';
import type { Logger } from '../runtime.js';
import type { LinkInfo, ProbeCallback, HelloDecision } from './transport.js';
import type { LinkRefusal } from './stats.js';
import type { Hello } from './wire-hello.js';

/**
 * The hello comes from another process of the node than the linked one. Builds that speak only version 1 do not
 * identify their process: their later link replaces the earlier one.
 */
function isAnotherProcess({ role, extension }: Hello, linked: LinkInfo | undefined): boolean {
  if (role !== 'node' || extension.process === undefined) return false;
  const known = linked?.extension.process;
  return known !== undefined && known !== extension.process;
}

/** What `admitHello` needs of a transport. */
export interface HelloContext {
  readonly logger: Logger;
  link(node: NodeId): LinkInfo | undefined;
  /** `Transport.probe` */
  probe(node: NodeId, report: ProbeCallback): void;
  /** Closes the link: the probe was not answered. */
  dropLink(node: NodeId): void;
  /** `TransportEvents.checkMembership` */
  readonly checkMembership: ((hello: Hello) => LinkRefusal | undefined) | undefined;
  /** `TransportEvents.validateHello` */
  readonly validateHello: ((hello: Hello, decide: HelloDecision) => void) | undefined;
}

/**
 * Checks a well-formed hello before the transport answers or links: `decide` is called once, with the refusal if there
 * is one.
 */
export function admitHello(hello: Hello, meeting: HelloContext, decide: HelloDecision): void {
  // A node of another cluster is not a second process of a node here: it must neither close a link nor count as a copy.
  const outsider = meeting.checkMembership?.(hello);
  if (outsider !== undefined) {
    decide(outsider);
    return;
  }
  const node = hello.from;
  const linked = meeting.link(node);
  if (linked === undefined || !isAnotherProcess(hello, linked)) {
    if (meeting.validateHello === undefined) decide(undefined);
    else meeting.validateHello(hello, decide);
    return;
  }
  meeting.probe(node, (isAlive) => {
    if (isAlive) {
      const processes = { linked: linked.extension.process, refused: hello.extension.process };
      meeting.logger.error({ peer: node, ...processes }, TWO_PROCESSES);
      decide(duplicateNode(node));
      return;
    }
    if (meeting.link(node) === linked) meeting.dropLink(node);
    // A third process may have been linked in the meantime.
    admitHello(hello, meeting, decide);
  });
}

/** Log message of the node that detected it. */
export const TWO_PROCESSES = 'two processes are alive as one node';

/** Identity of a process: known to all its peers, and never changes. */
export interface ProcessIdentity {
  readonly process: number;
  readonly incarnation: number;
}

/** Of two linked processes the later is refused; all nodes must choose the same one. */
export const isLater = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.incarnation === b.incarnation ? a.process > b.process : a.incarnation > b.incarnation;

/** Refusal of a second process of `node`. Fits into a close frame. */
export const duplicateNode = (node: NodeId): LinkRefusal => ({
  reason: 'duplicate-node',
  detail: `node ${node} already runs as another process, on a copy of its data folder or on the original`,
});

/** Ends the process that was refused. The message is for the operator of the node. */
export class DuplicateNode extends Error {
  constructor(node: NodeId, refusedBy: NodeId) {
    const copy = 'one of the two runs on a copy of the data folder of the other';
    const advice = 'leave this one stopped, or stop the other before this one is started again';
    super(`node ${refusedBy} refused this process: another one is alive as node ${node}, so ${copy}; ${advice}`);
    this.name = 'DuplicateNode';
  }
}
