/**
 * Which processes may link: the checks of a hello on both sides, and waiting for it.
 *
 * Lower node ids dial higher ones and routers dial nodes, so there is exactly one link per pair without a tie to break.
 */
import type { RawData, WebSocket } from 'ws';
import type { NodeId } from '../../raft/index.js';
import { FORMATS, reads, unknownNumber } from '../formats.js';
import type { Runtime } from '../runtime.js';
import { commonVersion, describeVersions, type Protocol } from './protocol.js';
import type { RefusalReason, LinkRefusal } from './stats.js';
import { WireError } from './wire-buffer.js';
import { decodeHello, newestLayout, type Hello, type HelloLayout } from './wire-hello.js';

/** `version`: of the frames, if the link begins. `layout`: of the hello, and so of the answer to it. */
export interface AcceptedHello {
  readonly hello: Hello;
  readonly version: number;
  readonly layout: HelloLayout;
}

export type HelloCheck = AcceptedHello | { readonly refused: LinkRefusal };

/** This side's identity, against which hellos are checked. */
export interface Identity {
  readonly role: 'node' | 'router';
  /** 0 for a router. */
  readonly id: NodeId;
  /** Empty only for a router that does not know it yet. */
  readonly clusterId: string;
  readonly protocol: Protocol;
}

const refused = (reason: RefusalReason, detail: string): HelloCheck => ({ refused: { reason, detail } });

/** Checks the hello of a process that connected to this node. */
export function checkCallerHello(self: Identity, peers: ReadonlyMap<NodeId, string>, bytes: Uint8Array): HelloCheck {
  const judged = checkHello(self, bytes);
  if ('refused' in judged) return judged;
  const { hello } = judged;
  const unknowing = hello.role === 'router' && hello.clusterId === '';
  if (hello.clusterId !== self.clusterId && !unknowing) return wrongCluster(self, hello);
  const anyNode = hello.role === 'router' && hello.to === 0;
  if (hello.to !== self.id && !anyNode) return refused('wrong-node', `this is node ${self.id}, not ${hello.to}`);
  if (hello.role === 'router') return judged;
  if (!peers.has(hello.from)) return refused('wrong-node', `node ${hello.from} is not a member here`);
  if (hello.from >= self.id) return refused('wrong-node', `node ${hello.from} must wait for node ${self.id} to dial`);
  return judged;
}

/** Checks the hello that answers ours, after node `dialled` was dialled; 0 = any node. */
export function checkCalleeHello(self: Identity, dialled: NodeId, bytes: Uint8Array): HelloCheck {
  const judged = checkHello(self, bytes);
  if ('refused' in judged) return judged;
  const { hello } = judged;
  const unknowing = self.role === 'router' && self.clusterId === '';
  if (hello.clusterId !== self.clusterId && !unknowing) return wrongCluster(self, hello);
  const isRight = dialled === 0 ? hello.role === 'node' : hello.from === dialled;
  if (!isRight || hello.to !== self.id) {
    return refused('wrong-node', `node ${hello.from} answers to ${hello.to}, where ${self.id} dialled ${dialled}`);
  }
  return judged;
}

function checkHello(self: Identity, bytes: Uint8Array): HelloCheck {
  try {
    const { layout, hello } = decodeHello(bytes, newestLayout(self.protocol));
    const ours = `version ${describeVersions(self.protocol.versions)} of node ${self.id}`;
    if (hello === undefined) {
      const { helloLayout } = FORMATS;
      const why = reads(helloLayout, layout) ? '' : ` (${unknownNumber(helloLayout, layout)})`;
      return refused('wrong-version', `version ${layout} meets ${ours}${why}`);
    }
    const version = commonVersion(self.protocol.versions, hello.versions);
    if (version !== undefined) return { hello, version, layout: layout === 1 ? 1 : 2 };
    return refused('wrong-version', `version ${describeVersions(hello.versions)} meets ${ours}`);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return refused('bad-hello', error.message);
  }
}

function wrongCluster(self: Identity, hello: Hello): HelloCheck {
  return refused('wrong-cluster', `cluster "${hello.clusterId}" meets cluster "${self.clusterId}"`);
}

/** A binary message as `ws` delivers it; undefined for a text message. */
export const binaryMessage = (data: RawData, isBinary: boolean): Uint8Array | undefined =>
  isBinary && data instanceof Uint8Array ? data : undefined;

/**
 * Calls `onFirst` with the first message of `socket` (undefined if it is a text), or `onTimeout`, or neither if the
 * socket closes before. A listener that `onFirst` adds misses no later message.
 */
export function awaitHello(
  socket: WebSocket,
  runtime: Runtime,
  timeoutMs: number,
  { onFirst, onTimeout }: { onFirst: (bytes: Uint8Array | undefined) => void; onTimeout: () => void },
): void {
  const timer = runtime.after(timeoutMs, onTimeout);
  socket.once('close', () => {
    timer.cancel();
  });
  socket.once('message', (data, isBinary) => {
    timer.cancel();
    onFirst(binaryMessage(data, isBinary));
  });
}

/** Buffers messages of `socket` until the returned function is called, which emits them again. */
export function bufferMessages(socket: WebSocket): () => void {
  const held: (readonly [RawData, boolean])[] = [];
  const hold = (data: RawData, isBinary: boolean): void => void held.push([data, isBinary]);
  socket.on('message', hold);
  return () => {
    socket.off('message', hold);
    for (const [data, isBinary] of held) socket.emit('message', data, isBinary);
  };
}
