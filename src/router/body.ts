/** Reads a request's body into memory, up to a limit. Knows nothing of what is in it. */
import type { IncomingMessage } from 'node:http';
import { WholeRequest } from './whole-request.js';

export type BodyResult =
  | { readonly type: 'read'; readonly body: Buffer }
  /** More came than the limit allows; the rest is not read here. */
  | { readonly type: 'too-large' }
  /** The client went away, or was answered before the body was there. */
  | { readonly type: 'aborted' };

const EMPTY: BodyResult = { type: 'read', body: Buffer.alloc(0) };

/** `declared`: bytes that the request says to have, undefined if it comes in chunks. `done` is called once. */
export function readBody(
  request: IncomingMessage | WholeRequest,
  declared: number | undefined,
  limit: number,
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
  if (request instanceof WholeRequest) {
    done({ type: 'read', body: request.body });
    return;
  }
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let length = 0;
  let ended = false;
  const finish = (result: BodyResult): void => {
    if (ended) return;
    ended = true;
    first = chunks = undefined;
    done(result);
  };
  request.on('data', (chunk: Buffer) => {
    if (ended) return;
    length += chunk.length;
    if (length > limit) {
      request.pause();
      finish({ type: 'too-large' });
    } else if (first === undefined) first = chunk;
    else (chunks ??= [first]).push(chunk);
  });
  request.on('end', () => {
    // It came in whole after all, but the connection was answered (that it came too late) and ended: whoever asked was
    // told that nothing happened, and nothing must.
    if (!request.socket.writable) {
      finish({ type: 'aborted' });
      return;
    }
    const body = chunks === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(chunks, length);
    finish({ type: 'read', body });
  });
  request.on('error', () => {
    finish({ type: 'aborted' });
  });
  request.on('close', () => {
    finish({ type: 'aborted' });
  });
}
