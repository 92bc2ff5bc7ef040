/** Error codes and details as bytes, in replies and in the answers of programs. */
import { WireError, type ByteReader, type ByteWriter } from './byte-buffer.js';
import { ERRORS, type ErrorCode, type ErrorDetails } from './errors.js';

const NUMERIC_DETAILS = [
  'limit',
  'currentRevision',
  'leader',
  'shard',
  'term',
  'position',
] as const satisfies (keyof ErrorDetails)[];

/** @throws WireError */
export function readErrorCode(input: ByteReader): ErrorCode {
  const code = input.ascii();
  if (!isErrorCode(code)) throw new WireError(`error code ${code} is unknown to this build; a later build wrote it`);
  return code;
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

/** One bit per field that is present, then the fields. */
export function writeDetails(out: ByteWriter, details: ErrorDetails): void {
  let present = details.field === undefined ? 0 : 1;
  NUMERIC_DETAILS.forEach((name, i) => {
    if (details[name] !== undefined) present |= 2 << i;
  });
  out.u8(present);
  if (details.field !== undefined) out.text(details.field);
  for (const name of NUMERIC_DETAILS) {
    const value = details[name];
    if (value !== undefined) out.u48(value);
  }
}

/** @throws WireError */
export function readDetails(input: ByteReader): ErrorDetails {
  const present = input.flags((2 << NUMERIC_DETAILS.length) - 1);
  const details: { -readonly [Name in keyof ErrorDetails]: ErrorDetails[Name] } = {};
  if ((present & 1) !== 0) details.field = input.text();
  NUMERIC_DETAILS.forEach((name, i) => {
    if ((present & (2 << i)) !== 0) details[name] = input.u48();
  });
  return details;
}
