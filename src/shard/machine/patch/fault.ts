/**
 * What a change in place may end in besides a new value, and the bounds that it is given.
 *
 * The bounds are an argument of every function, and an entry has to bring them (or they are constants): replicas that
 * took them from the configuration of their node would disagree on what an entry did.
 */

/** A change that was not made; `code` is that of the HTTP API. */
export interface PatchFault {
  readonly code: 'wrong-type' | 'patch-failed' | 'value-too-large' | 'invalid-request';
  readonly message: string;
  /** The JSON Patch operation at fault, from 0. */
  readonly position?: number;
  /** The part of the request at fault, such as `body[3].path`. */
  readonly field?: string;
  /** For `value-too-large`: bytes that a value may have. */
  readonly limit?: number;
}

export interface Faulty {
  readonly fault: PatchFault;
}

/** The new value; the bytes may be shared with arguments, which nobody may write to. */
export interface Patched {
  readonly value: Uint8Array;
}

export interface PatchBounds {
  /** Longest result. */
  readonly valueBytes: number;
  /** Nesting of values, of patches, and of the result. */
  readonly depth: number;
  /** Members of all objects in a value, in a patch (the operations of a JSON Patch have some too), and in the result. */
  readonly members: number;
}

export const faulty = (code: PatchFault['code'], message: string, details: Partial<PatchFault> = {}): Faulty => ({
  fault: { ...details, code, message },
});

export const tooLarge = (bytes: number, limit: number, details: Partial<PatchFault> = {}): Faulty =>
  faulty('value-too-large', `the new value would have ${bytes} bytes, ${limit} are allowed`, { ...details, limit });

/** What values of `application/json` are held to when they are written, unless somebody says otherwise. */
export const STORED_JSON: Omit<PatchBounds, 'valueBytes'> = { depth: 256, members: 100_000 };

export const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
