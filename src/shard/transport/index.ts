/** Links between processes: handshake, frames, two lanes; and an in-memory network with the same interface. */
export { duplicateNode, DuplicateNode, admitHello, isLater, type HelloContext, TWO_PROCESSES } from './duplicates.js';
export { type Identity, checkCalleeHello, checkCallerHello } from './handshake.js';
export { MemoryNetwork, MemoryTransport } from './memory.js';
export { type SendQueue, SingleLane } from './send-queue.js';
export { PieceAssembler } from './pieces.js';
export { FORMER_PROTOCOL, PROTOCOL, type Protocol } from './protocol.js';
export { SendWindow } from './send-window.js';
export type { RefusalReason, LinkRefusal, TransportStats } from './stats.js';
export {
  type LinkInfo,
  linkInfo,
  type PeerId,
  type PeerMessage,
  type ProbeCallback,
  ROUTER_PEERS,
  type Transport,
  type TransportEvents,
  type HelloDecision,
} from './transport.js';
export { TwoLanes } from './two-lanes.js';
export { encodeHello, type Hello, type HelloExtension, type HelloLayout, newestLayout } from './wire-hello.js';
export type { Ping } from './wire-ping.js';
export { decodeFrame, FrameEncoder, type FrameEnds, requestEncodeError } from './wire.js';
export { WsTransport } from './ws.js';
