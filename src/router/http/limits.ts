/** Limits of the HTTP server: sizes, times, counts. The only place that sets them. */
import { MAX_VALUE_BYTES } from '../../shard/index.js';

export interface Limits {
  /** Maximum bytes of a value; at most `MAX_VALUE_BYTES`, which a message between nodes can carry. */
  readonly valueBytes: number;
  /** Default deadline of one operation. */
  readonly defaultTimeoutMs: number;
  readonly maxTimeoutMs: number;
  /** From the first byte (or the connection) to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** From the first byte to the end of the body. */
  readonly requestTimeoutMs: number;
  /** A client that reads nothing of its answer for this long is disconnected. */
  readonly writeTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** How often the time limits above are checked. */
  readonly checkIntervalMs: number;
  readonly headerBytes: number;
  readonly maxConnections: number;
  /** Beyond `maxConnections`: for one request each, answered if it is for health or metrics and refused otherwise. */
  readonly spareConnections: number;
  /** A spare connection whose answer has not been read this long after it was accepted gives way to a newer one. */
  readonly spareAnswerMs: number;
  /** Connections from one address. */
  readonly maxConnectionsPerAddress: number;
  /** Data requests without an answer; health and metrics are answered beyond it. */
  readonly maxInFlight: number;
  /** Unsent bytes of answers on one connection; must hold the largest answer. */
  readonly maxUnsentBytes: number;
  /** JSON values: nesting, and object members in all. */
  readonly jsonDepth: number;
  readonly jsonMembers: number;
  /** Bytes of incomplete bodies, of all connections together; must hold the largest value. */
  readonly receiveBytes: number;
  /** How long, and how many bytes, a refused body is still read and discarded, so that the client gets the refusal. */
  readonly lingerMs: number;
  readonly lingerBytes: number;
  /** How long `/v1/nodes` and `/v1/shards` wait for other nodes. */
  readonly statusTimeoutMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  valueBytes: 1_048_576,
  defaultTimeoutMs: 5_000,
  maxTimeoutMs: 60_000,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 15_000,
  writeTimeoutMs: 15_000,
  keepAliveTimeoutMs: 10_000,
  checkIntervalMs: 1_000,
  headerBytes: 16_384,
  maxConnections: 10_000,
  spareConnections: 16,
  spareAnswerMs: 1_000,
  maxConnectionsPerAddress: 10_000,
  maxInFlight: 10_000,
  maxUnsentBytes: 16_777_216,
  jsonDepth: 256,
  jsonMembers: 100_000,
  receiveBytes: 268_435_456,
  lingerMs: 1_000,
  lingerBytes: 16_777_216,
  statusTimeoutMs: 1_000,
};

/**
 * The defaults, overridden by `given`. `maxUnsentBytes` grows with `valueBytes`, if it is not given.
 * @throws RangeError
 */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  if (limits.valueBytes > MAX_VALUE_BYTES) {
    throw new RangeError(`valueBytes must be at most ${MAX_VALUE_BYTES}, got ${limits.valueBytes}`);
  }
  if (!(limits.receiveBytes >= limits.valueBytes)) {
    throw new RangeError(`receiveBytes must be at least valueBytes, ${limits.valueBytes}, got ${limits.receiveBytes}`);
  }
  const maxUnsentBytes = given.maxUnsentBytes ?? Math.max(DEFAULT_LIMITS.maxUnsentBytes, 4 * limits.valueBytes);
  return { ...limits, maxUnsentBytes };
}
