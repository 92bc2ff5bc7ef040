/**
 * How a checkpoint is written: as several transactions of state.db, with a pause wherever journal commits may go first.
 *
 * Knows the state file, no journal. Why a crash between two transactions does no harm: a group's rows and its meta are
 * in one transaction, so each group stands where its meta says, and recovery takes every group for itself. The entries
 * and hard states of those that still stand where they stood are in the journal, which is trimmed only behind the last
 * transaction (and that one counts the checkpoint, for which the trim asks). The number of the journal's last row comes
 * first: what a meta rests on is vouched for with it.
 */
import type { StateFile } from '../files.js';
import type { Request, Results } from './protocol.js';
import { decodeStateRows } from '../state/state-rows.js';

type Of<T extends Request['type']> = Extract<Request, { readonly type: T }>;

/** Rows written or purged between two looks at the journal's queue: about a millisecond. */
export const SLICE_ROWS = 128;
/**
 * Bytes of rows after which a transaction ends with the group that it is at. Commits wait for its sync, half of them
 * less than 3 ms; of 1 MiB 8 ms, of a whole checkpoint of 8 MiB 16. Still smaller ones are no faster.
 */
export const TRANSACTION_BYTES = 256 * 1024;

/** The same checkpoint, without what commits behind row `durable` say: it overtook them, and they may never be durable. */
export function limitToDurable(request: Of<'checkpoint'>, durable: number): Of<'checkpoint'> {
  if (request.journal <= durable) return request;
  return { ...request, journal: durable, hardStates: request.hardStates.filter(({ seq }) => seq <= durable) };
}

/** `transactionBytes`: see `TRANSACTION_BYTES`; a larger group goes in one transaction all the same. */
export function* writeCheckpoint(
  state: StateFile,
  request: Of<'checkpoint'>,
  rows: readonly Of<'rows'>[],
  transactionBytes: number,
): Generator<undefined, Results['checkpoint'], undefined> {
  // A group that was given another state since the call has nothing to checkpoint any more.
  const groups = request.groups.filter(({ group, slot }) => (state.slotOf(group) ?? slot) === slot);
  state.begin();
  state.saveJournal(request.journal);
  for (const hardState of request.hardStates) state.saveHardState(hardState, hardState.slot);
  let bytes = 0;
  for (const { group, slot, meta } of groups) {
    if (bytes >= transactionBytes) {
      yield;
      state.commit();
      yield;
      state.begin();
      bytes = 0;
    }
    for (const { data } of rows.filter((part) => part.slot === slot)) {
      yield* writeRows(state, slot, data);
      bytes += data.length;
    }
    state.saveMeta(group, slot, meta);
  }
  state.countCheckpoint();
  yield;
  state.commit();
  yield;
  state.checkpointWal();
  return { stateBytes: state.bytes, checkpoints: state.checkpoints, journal: request.journal };
}

export function* writeRows(state: StateFile, slot: number, data: Uint8Array): Generator<undefined, void, undefined> {
  let sinceSlice = 0;
  for (const row of decodeStateRows(data)) {
    state.writeRow(slot, row);
    if (++sinceSlice % SLICE_ROWS === 0) yield;
  }
}
