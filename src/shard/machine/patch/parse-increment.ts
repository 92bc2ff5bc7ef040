/**
 * `{"by":1,"initial":0,"min":0,"max":100,"clamp":true,"ttl":"60s"}`, all but `by` optional. Read from the text, because
 * `JSON.parse` would round integers beyond 2^53.
 */
import { strictJsonError } from '../../strict-json.js';
import { bufferOf, faulty, type Faulty } from './fault.js';
import { isInRange, type IncrementSpec } from './increment.js';
import { Tape, type TapeId } from './tape.js';

export interface ParsedIncrement {
  readonly spec: IncrementSpec;
  /** As written: durations are the front's. */
  readonly ttl?: string;
}

const INTEGERS = ['by', 'initial', 'min', 'max'] as const;
type Name = (typeof INTEGERS)[number];

const NAMES: ReadonlySet<string> = new Set([...INTEGERS, 'clamp', 'ttl']);
const INTEGER = /^-?[0-9]{1,19}$/;
/** Longer names and texts than any that is known here are not repeated in an answer. */
const SHOWN = 40;

const malformed = (field: string, message: string): Faulty => faulty('invalid-request', message, { field });

export function parseIncrement(body: Uint8Array): ParsedIncrement | Faulty {
  const wrong = strictJsonError(bufferOf(body), { depth: 1, members: 2 * NAMES.size });
  if (wrong !== undefined) return malformed('body', `the body is not an object of numbers and texts: ${wrong}`);
  const tape = new Tape([body]);
  const [root = 0] = tape.roots;
  if (tape.kind(root) !== 'object') return malformed('body', 'the body has to be an object');
  const fields = new Map<string, TapeId>();
  for (let name = root + 1, end = tape.after(root); name < end; name = tape.after(name + 1)) {
    const key = tape.string(name);
    if (!NAMES.has(key)) {
      return malformed(key.length > SHOWN ? 'body' : `body.${key}`, `the members are ${[...NAMES].join(', ')}`);
    }
    fields.set(key, name + 1);
  }
  return specOf(tape, fields);
}

function specOf(tape: Tape, fields: ReadonlyMap<string, TapeId>): ParsedIncrement | Faulty {
  const numbers: { -readonly [N in Name]?: bigint } = {};
  for (const name of INTEGERS) {
    const id = fields.get(name);
    if (id === undefined) continue;
    const number = integerIn(tape, id);
    if (number === undefined) return malformed(`body.${name}`, 'an integer in −2^63 to 2^63−1, without a point');
    numbers[name] = number;
  }
  const { by, initial = 0n, min, max } = numbers;
  if (by === undefined) return malformed('body.by', 'an increment needs the number to add');
  if (min !== undefined && max !== undefined && min > max) return malformed('body.min', '`min` is more than `max`');
  if ((min !== undefined && initial < min) || (max !== undefined && initial > max)) {
    return malformed('body.initial', `${initial} is not within the bounds`);
  }
  const [clampId, ttlId] = [fields.get('clamp'), fields.get('ttl')];
  const clamp = clampId === undefined ? 'false' : tape.kind(clampId);
  if (clamp !== 'true' && clamp !== 'false') return malformed('body.clamp', 'true or false');
  if (ttlId !== undefined && tape.kind(ttlId) !== 'string') return malformed('body.ttl', 'a duration, such as "60s"');
  const bounds = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
  return {
    spec: { by, initial, ...bounds, clamp: clamp === 'true' },
    ...(ttlId === undefined ? {} : { ttl: tape.string(ttlId) }),
  };
}

function integerIn(tape: Tape, id: TapeId): bigint | undefined {
  const text = tape.slice(id).toString('latin1', 0, SHOWN);
  if (!INTEGER.test(text)) return undefined;
  const number = BigInt(text);
  return isInRange(number) ? number : undefined;
}
