/** A request from node:http: its head has been received, its body may still be on its way. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { BodyBounds, BodyResult, DataRequest } from './data-request.js';
import { bodyLength, refuseRepeats } from './headers.js';
import type { Limits } from './limits.js';
import type { Problem } from './problems.js';
import { ReceivedPieces } from './receive-budget.js';
import { sendProblem, writeProblemHead } from './respond.js';

const EMPTY: BodyResult = { type: 'read', body: Buffer.alloc(0) };

export class StreamedRequest implements DataRequest {
  readonly response: ServerResponse;
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage, response: ServerResponse) {
    this.#message = message;
    this.response = response;
  }

  get method(): string | undefined {
    return this.#message.method;
  }

  get headers(): IncomingHttpHeaders {
    return this.#message.headers;
  }

  refuseRepeatedHeaders(): void {
    refuseRepeats(this.#message);
  }

  readBody({ limit, budget }: BodyBounds, done: (result: BodyResult) => void): void {
    const message = this.#message;
    const declared = bodyLength(message.headers);
    if (declared === 0) {
      done(EMPTY);
      return;
    }
    if (declared !== undefined && declared > limit) {
      done({ type: 'too-large' });
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
    message.on('data', (chunk: Buffer) => {
      if (ended) return;
      const length = pieces.length + chunk.length;
      if (length > limit) {
        message.pause();
        finish({ type: 'too-large' });
      } else if (length === declared) pieces.addLast(chunk);
      else if (!pieces.add(chunk)) {
        message.pause();
        finish({ type: 'no-room' });
      }
    });
    message.on('end', () => {
      // Complete after all, but the connection was answered with a timeout and ended: the answer said that nothing
      // happened, so nothing must.
      finish(message.socket.writable ? { type: 'read', body: pieces.join() } : { type: 'aborted' });
    });
    message.on('error', () => {
      finish({ type: 'aborted' });
    });
    message.on('close', () => {
      finish({ type: 'aborted' });
    });
  }

  /**
   * node:http drains a small declared body and keeps the connection, unless a reader has begun to read it. Otherwise
   * the refusal leaves at once, and the connection is closed after a bounded lingering, without which the client might
   * see a reset instead of the refusal.
   */
  refuse(requestId: string, problem: Problem, limits: Limits): void {
    const [message, { response }] = [this.#message, this];
    const length = bodyLength(message.headers);
    const isDrained = length !== undefined && length <= limits.valueBytes && !message.readableDidRead;
    if (message.complete || isDrained || response.headersSent) {
      sendProblem(response, requestId, problem);
      return;
    }
    response.write(writeProblemHead(response, requestId, problem, true));
    discardRest(message, limits, () => response.end());
  }
}

/** Reads and drops what still comes; calls `done` at its end, at the latest at the bounds of lingering. */
function discardRest(message: IncomingMessage, { lingerMs, lingerBytes }: Limits, done: () => void): void {
  let discarded = 0;
  const end = (): void => {
    clearTimeout(timer);
    message.off('data', count);
    message.socket.off('end', end);
    done();
  };
  const count = (chunk: Buffer): void => {
    discarded += chunk.length;
    if (discarded > lingerBytes) end();
  };
  const timer = setTimeout(end, lingerMs);
  message.on('data', count);
  message.once('end', end);
  message.once('close', end);
  message.on('error', end);
  // When the parser has given up on the body, only the socket emits an end.
  message.socket.once('end', end);
  message.resume();
}
