/**
 * Two processes under one node id: a copy of a data folder was started beside the original.
 *
 * A process is known by the number that it draws for itself and says in its hello. Whoever has a link to a process of a node and gets a hello
 * from another process of that node asks the linked one for a sign of life before it answers. If that one answers,
 * both were alive at once, whatever any clock says, and the newcomer is refused. If it does not answer in time, its link is
 * given up and the newcomer is taken: so a node that was killed comes back although its old link still looks whole.
 *
 * Who has no link to the node asks those that may (`duplicate-watch.ts`).
 *
 * Only decisions stand here, for every transport; knows no socket, no timer and no group.
 */
import type { NodeId } from '../../raft/index.js';
import type { Logger } from '../runtime.js';
import type { LinkInfo, ProbeCallback, HelloDecision } from './transport.js';
import type { LinkRefusal } from './stats.js';
import type { Hello } from './wire-hello.js';

/**
 * The hello comes from another process of the node than the one that is linked. Builds that speak only version 1 do not
 * say which process they are: nothing can be held against them, and the later link replaces the earlier, as ever.
 */
function isAnotherProcess({ role, extension }: Hello, linked: LinkInfo | undefined): boolean {
  if (role !== 'node' || extension.process === undefined) return false;
  const known = linked?.extension.process;
  return known !== undefined && known !== extension.process;
}

/** What a transport lends to `examineHello`. */
export interface HelloContext {
  readonly logger: Logger;
  link(node: NodeId): LinkInfo | undefined;
  /** `Transport.prove` */
  probe(node: NodeId, tell: ProbeCallback): void;
  /** Ends the link: no sign of life came. */
  dropLink(node: NodeId): void;
  /** `TransportEvents.outsider` */
  readonly checkMembership: ((hello: Hello) => LinkRefusal | undefined) | undefined;
  /** `TransportEvents.examine` */
  readonly validateHello: ((hello: Hello, decide: HelloDecision) => void) | undefined;
}

/**
 * What a node's transport does with a hello that is in order, before it answers or links: `decide` is called once, with
 * what speaks against it.
 */
export function admitHello(hello: Hello, meeting: HelloContext, decide: HelloDecision): void {
  // A node of another cluster is no second process of ours: neither may it end one of these, nor be told that it is a copy.
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
    // A third one may have linked itself meanwhile.
    admitHello(hello, meeting, decide);
  });
}

/** For the log of whoever has proven it. */
export const TWO_PROCESSES = 'two processes are alive as one node';

/** What is known everywhere of a process, and never changes. */
export interface ProcessIdentity {
  readonly process: number;
  readonly incarnation: number;
}

/** Of two processes that are both linked already, the later is refused; everybody must find the same one. */
export const isLater = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.incarnation === b.incarnation ? a.process > b.process : a.incarnation > b.incarnation;

/** To whoever said hello as `node` while another process of it was proven alive. Fits into a close frame. */
export const duplicateNode = (node: NodeId): LinkRefusal => ({
  reason: 'duplicate-node',
  detail: `node ${node} already runs as another process, on a copy of its data folder or on the original`,
});

/** Ends the process that was refused. The message is for whoever operates the node. */
export class DuplicateNode extends Error {
  constructor(node: NodeId, refusedBy: NodeId) {
    const copy = 'one of the two runs on a copy of the data folder of the other';
    const advice = 'leave this one stopped, or stop the other before this one is started again';
    super(`node ${refusedBy} refused this process: another one is alive as node ${node}, so ${copy}; ${advice}`);
    this.name = 'DuplicateNode';
  }
}
