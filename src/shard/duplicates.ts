/**
 * Two processes under one node id: a copy of a data folder was started beside the original.
 *
 * A process is known by the number that it draws for itself and says in its hello. Whoever has a link to a process of a node and gets a hello
 * from another process of that node asks the linked one for a sign of life before it answers. If that one answers,
 * both were alive at once, whatever any clock says, and the newcomer is refused. If it does not answer in time, its link is
 * given up and the newcomer is taken: so a node that was killed comes back although its old link still looks whole.
 *
 * Only decisions stand here, for every transport; knows no socket, no timer and no group.
 */
import type { NodeId } from '../raft/index.js';
import type { LinkInfo } from './transport.js';
import type { Refused } from './transport-stats.js';
import type { Hello } from './wire-hello.js';

/**
 * The hello comes from another process of the node than the one that is linked. Builds that speak only version 1 do not
 * say which process they are: nothing can be held against them, and the later link replaces the earlier, as ever.
 */
export function isAnotherProcess({ role, extension }: Hello, linked: LinkInfo | undefined): boolean {
  if (role !== 'node' || extension.process === undefined) return false;
  const known = linked?.extension.process;
  return known !== undefined && known !== extension.process;
}

/** To whoever said hello as `node` while another process of it was proven alive. Fits into a close frame. */
export const duplicateNode = (node: NodeId): Refused => ({
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
