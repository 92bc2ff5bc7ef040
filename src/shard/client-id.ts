/** Operation ids that clients choose, as `Idempotency-Key` of HTTP or `idempotencyKey` of the embedded store. */
import { MAX, NIL, parse, validate } from 'uuid';

/** The 16 bytes that the text stands for: a UUID, or one in double quotes (as in the IETF draft); else undefined. */
export function clientIdIn(text: string): Uint8Array | undefined {
  const bare = text.length === 38 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  return !validate(bare) || bare === NIL || bare.toLowerCase() === MAX ? undefined : parse(bare);
}
