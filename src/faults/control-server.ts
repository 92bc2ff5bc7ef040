/**
 * The control API: `GET /status`, and `POST /faults` with a fault as JSON. On loopback, for users of this machine.
 *
 * It can end processes, so no page in a browser may reach it: it answers only for its own address (no rebound name),
 * never to an `Origin`, and takes only `application/json`, which a page cannot send without a preflight request.
 * Answers are JSON; 400 = refused, nothing was changed.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { FaultRefused, type Fault, type FaultControl } from './fault.js';
import { messageOf } from '../thrown.js';

const LOOPBACK = '127.0.0.1';
const MAX_BODY_BYTES = 64 * 1024;

class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class ControlServer {
  readonly #control: FaultControl;
  readonly #server: Server;
  #port = 0;

  constructor(control: FaultControl) {
    this.#control = control;
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  /** Listens on a free port. Returns the base URL: http://127.0.0.1:… */
  listen(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, LOOPBACK, () => {
        const address = this.#server.address();
        if (address === null || typeof address === 'string') throw new Error('the control API listens on no port');
        this.#port = address.port;
        resolve(`http://${LOOPBACK}:${this.#port}`);
      });
    });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [status, body] = await this.#outcome(request).catch((error: unknown): [number, object] => {
      const message = messageOf(error);
      if (error instanceof FaultRefused) return [400, { error: message }];
      return [error instanceof HttpError ? error.status : 500, { error: message }];
    });
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  }

  async #outcome(request: IncomingMessage): Promise<[number, object]> {
    const { method, url, headers } = request;
    if (headers.host !== `${LOOPBACK}:${this.#port}` && headers.host !== `localhost:${this.#port}`) {
      throw new HttpError(403, 'this API answers only for its own address');
    }
    if (headers.origin !== undefined) throw new HttpError(403, 'this API is not for browsers');
    if (method === 'GET' && url === '/status') return [200, await this.#control.status()];
    if (method !== 'POST' || url !== '/faults') throw new HttpError(404, 'there are GET /status and POST /faults');
    if (headers['content-type'] !== 'application/json') throw new HttpError(415, 'send application/json');
    // Not validated here: the control does that.
    await this.#control.apply((await jsonOf(request)) as Fault);
    return [200, { applied: true }];
  }
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new HttpError(413, `a fault has at most ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new FaultRefused('the body is not JSON');
  }
}
