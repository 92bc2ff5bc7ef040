/**
 * HTTP requests of a load, formed once and sent many times: the same bytes from every load generator.
 *
 * Knows HTTP/1.1's form, and no target.
 */
import { drawSteps, valueOf, type Data, type Kind, type Operation, type Step } from './workload.js';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
}

/** How a target is asked for something. */
export type Protocol = (kind: Kind, key: string, value: string) => HttpRequest;

export interface Script {
  /** Each request once. */
  readonly requests: readonly HttpRequest[];
  /** Indices of `requests`, in the order of sending. */
  readonly order: readonly number[];
}

const STEPS = 32_768;
/** Where keys are many: more than fit into a node's memory of recent rows, or what is measured is that memory. */
const MOST_STEPS = 131_072;
const LEAST_STEPS = 64;
/** Of all requests together: a load that has to read them from main memory again and again is slow by itself. */
const MOST_BYTES = 64 * 1024 * 1024;

const keyName = (key: number): string => `key${key}`;

export function scriptOf(protocol: Protocol, operation: Operation, { keys, valueBytes }: Data, seed: number): Script {
  const wanted = Math.min(MOST_STEPS, Math.max(STEPS, keys));
  const count = Math.min(wanted, Math.max(LEAST_STEPS, Math.floor(MOST_BYTES / (valueBytes + 256))));
  const requests: HttpRequest[] = [];
  const known = new Map<string, number>();
  const indexOf = ({ kind, key }: Step): number => {
    const name = `${kind} ${key}`;
    const earlier = known.get(name);
    if (earlier !== undefined) return earlier;
    known.set(name, requests.length);
    return requests.push(protocol(kind, keyName(key), valueOf(key, valueBytes))) - 1;
  };
  const order = drawSteps(operation, keys, count, seed).map(indexOf);
  return { requests, order };
}

/** Puts of the keys from `first` up to, not including, `end`. */
export function putsOf(protocol: Protocol, first: number, end: number, valueBytes: number): HttpRequest[] {
  return Array.from({ length: end - first }, (_, i) =>
    protocol('put', keyName(first + i), valueOf(first + i, valueBytes)),
  );
}

/** @param host with its port */
export function wireFormat({ method, path, contentType, body }: HttpRequest, host: string): Buffer {
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
  if (body === undefined) return Buffer.from(`${head}\r\n`);
  const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
  return Buffer.from(`${head}${type}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
