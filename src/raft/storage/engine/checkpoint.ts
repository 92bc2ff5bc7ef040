/**
 * Writes a checkpoint as several transactions of state.db, and yields wherever journal commits may run first.
 *
 * A crash between two transactions does no harm: a group's rows and its meta are in one transaction, so each group's
 * state matches its meta, and groups are recovered independently. Entries and hard states of groups that were not
 * reached are still in the journal, which is truncated only after the last transaction (that one counts the checkpoint,
 * and the truncation records the count). The number of the journal's last row is written first: the rows that a meta
 * depends on are then known to be durable.
 */
import type { StateFile } from '../files.js';
import type { Request, Results } from './protocol.js';
import { decodeStateRows } from '../state/state-rows.js';

type Of<T extends Request['type']> = Extract<Request, { readonly type: T }>;

/** Rows written or purged between two checks of the journal's queue: about a millisecond. */
export const SLICE_ROWS = 128;
/**
 * Bytes of rows after which a transaction ends with the current group. Commits wait for its sync: median less than 3
 * ms, against 8 ms for 1 MiB and 16 ms for a whole checkpoint of 8 MiB. Still smaller transactions are no faster.
 */
export const TRANSACTION_BYTES = 256 * 1024;

/**
 * Removes hard states of rows after `durable`: the checkpoint overtook those commits, which may never become durable.
 */
export function limitToDurable(request: Of<'checkpoint'>, durable: number): Of<'checkpoint'> {
  if (request.journal <= durable) return request;
  return { ...request, journal: durable, hardStates: request.hardStates.filter(({ seq }) => seq <= durable) };
}

/** `transactionBytes`: see `TRANSACTION_BYTES`; a larger group still goes into one transaction. */
export function* writeCheckpoint(
  state: StateFile,
  request: Of<'checkpoint'>,
  rows: readonly Of<'rows'>[],
  transactionBytes: number,
): Generator<undefined, Results['checkpoint'], undefined> {
  // If a snapshot was installed since the call, the rows belong to the replaced state.
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
