/** Reads a request's body into memory, up to a limit. Knows nothing of what is in it. */
import type { IncomingMessage } from 'node:http';
import { ReceivedPieces, type ReceiveBudget } from './receive-budget.js';
import { BufferedRequest } from './buffered-request.js';

export type BodyResult =
  | { readonly type: 'read'; readonly body: Buffer }
  /** More came than the limit allows; the rest is not read here. */
  | { readonly type: 'too-large' }
  /** There is no room for more of it; the rest is not read here. */
  | { readonly type: 'no-room' }
  /** The client went away, or was answered before the body was there. */
  | { readonly type: 'aborted' };

const EMPTY: BodyResult = { type: 'read', body: Buffer.alloc(0) };

/**
 * `done` is called once. Until then what has come is held from the budget.
 * @param declared bytes that the request says to have, undefined if it comes in chunks
 */
export function readBody(
  request: IncomingMessage | BufferedRequest,
  declared: number | undefined,
  { limit, budget }: { readonly limit: number; readonly budget: ReceiveBudget },
  done: (result: BodyResult) => void,
): void {
  if (declared === 0) {
    done(EMPTY);
    return;
  }
  if (declared !== undefined && declared > limit) {
    done({ type: 'too-large' });
    return;
  }
  if (request instanceof BufferedRequest) {
    done({ type: 'read', body: request.body });
    return;
  }
  const pieces = new ReceivedPieces(budget);
  let ended = false;
  const finish = (result: BodyResult): void => {
    if (ended) return;
    ended = true;
    pieces.drop();
    done(result);
  };
  request.on('data', (chunk: Buffer) => {
    if (ended) return;
    const length = pieces.length + chunk.length;
    if (length > limit) {
      request.pause();
      finish({ type: 'too-large' });
    } else if (length === declared) pieces.addLast(chunk);
    else if (!pieces.add(chunk)) {
      request.pause();
      finish({ type: 'no-room' });
    }
  });
  request.on('end', () => {
    // It came in whole after all, but the connection was answered (that it came too late) and ended: whoever asked was
    // told that nothing happened, and nothing must.
    if (!request.socket.writable) {
      finish({ type: 'aborted' });
      return;
    }
    finish({ type: 'read', body: pieces.end() });
  });
  request.on('error', () => {
    finish({ type: 'aborted' });
  });
  request.on('close', () => {
    finish({ type: 'aborted' });
  });
}
