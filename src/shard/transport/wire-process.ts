/**
 * Questions and answers about the processes of a node (`duplicate-watch.ts`) on the wire, since protocol version 2.
 *
 * Question: `node u16 · process u48`. Answer: the same, then `other u8` (0 = none, 1 = `process u48 · incarnation u48`).
 */
import type { PeerMessage } from './transport.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';

type ProcessQuestion = Extract<PeerMessage, { type: 'process-question' }>;
type ProcessAnswer = Extract<PeerMessage, { type: 'process-answer' }>;

const OTHER = 1;

export function writeProcess(out: WireWriter, message: ProcessQuestion | ProcessAnswer): void {
  out.u16(message.node);
  out.u48(message.process);
  if (message.type === 'process-question') return;
  out.u8(message.other === undefined ? 0 : OTHER);
  if (message.other === undefined) return;
  out.u48(message.other.process);
  out.u48(message.other.incarnation);
}

export const readProcessQuestion = (input: WireReader): ProcessQuestion => ({
  type: 'process-question',
  ...readSubject(input),
});

export function readProcessAnswer(input: WireReader): ProcessAnswer {
  const answer = { type: 'process-answer', ...readSubject(input) } as const;
  if (input.flags(OTHER) === 0) return answer;
  return { ...answer, other: { process: input.u48(), incarnation: input.u48() } };
}

function readSubject(input: WireReader): Pick<ProcessQuestion, 'node' | 'process'> {
  const node = input.u16();
  if (node === 0) throw new WireError('a question about the processes of no node');
  return { node, process: input.u48() };
}
