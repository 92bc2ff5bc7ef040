/** The buffers of frames: those of `byte-buffer.ts`, with the protocol version of the link. */
import { ByteReader, ByteWriter } from '../byte-buffer.js';
import { PROTOCOL } from './protocol.js';

export { checkWireInteger, WIRE_INTEGER_LIMIT, WireError } from '../byte-buffer.js';

export class WireWriter extends ByteWriter {
  /** Protocol version of the link (`protocol.ts`): bytes for an earlier version must have that version's format. */
  readonly version: number;

  constructor(version = PROTOCOL.versions.max) {
    super();
    this.version = version;
  }
}

export class WireReader extends ByteReader {
  /** Protocol version of the link that the bytes came over. */
  readonly version: number;

  constructor(bytes: Uint8Array, version = PROTOCOL.versions.max) {
    super(bytes);
    this.version = version;
  }
}
