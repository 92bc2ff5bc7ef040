/** Removes a namespace; by force, its keys first. */
import {
  decodeOutcome,
  encodeProgram,
  MAX_VALUE_BYTES,
  prefixEndOf,
  type KvWrite,
  type Refusal,
  type RunProgram,
} from '../../shard/index.js';
import type { DispatchReply } from './call.js';
import { deleteRange } from './delete-range.js';
import { derivedId } from './operation-ids.js';

/** Others keep writing keys into it: after so many tries it is left as it is. */
const MAX_TRIES = 8;

export interface Drop {
  /** Of the namespace (`namespaceKey`). */
  readonly key: Uint8Array;
  readonly shard: number;
  readonly force: boolean;
  readonly identity: Pick<KvWrite, 'operationId' | 'attempt'>;
}

/**
 * Each try has an id of its own, derived from that of the request. A try that is answered from the dedup table belongs to
 * an earlier run of the same request: no keys are erased for it, for they may be those of a namespace that was created
 * since.
 */
export async function dropNamespace(
  write: (operation: RunProgram) => Promise<DispatchReply>,
  { key, shard, force, identity }: Drop,
): Promise<DispatchReply> {
  for (let tries = 0; ; tries += 1) {
    const part = Buffer.from(`drop-namespace ${tries}`);
    const operationId = tries === 0 ? identity.operationId : derivedId(identity.operationId, part);
    const reply = await write(dropOperation(key, { ...identity, operationId }));
    if (!force || refusalIn(reply)?.code !== 'namespace-not-empty' || tries === MAX_TRIES) return reply;
    if ('replayed' in reply.answer && reply.answer.replayed === true) continue;
    const erased = await deleteRange(write, {
      ...{ from: key, to: prefixEndOf(key), shards: [shard], operationId: undefined },
    });
    if (erased.type === 'failed' && erased.refusal.code !== 'namespace-not-found') {
      return { ...erased.reply, answer: erased.refusal };
    }
  }
}

function dropOperation(key: Uint8Array, identity: Drop['identity']): RunProgram {
  const step = { type: 'namespace-delete', key, condition: { type: 'none' }, returning: 'nothing' } as const;
  const program = {
    comparisons: [],
    then: [step],
    otherwise: [],
    onError: 'fail',
    valueLimit: MAX_VALUE_BYTES,
  } as const;
  return { type: 'program', key, body: encodeProgram(program), ...identity };
}

function refusalIn({ answer }: DispatchReply): Refusal | undefined {
  const outcome = answer.type === 'program' ? decodeOutcome(answer.outcome) : answer;
  return 'code' in outcome ? outcome : undefined;
}
