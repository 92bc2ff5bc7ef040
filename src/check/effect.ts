/** The effect of an operation in the search, on numbered states. */
import type { State } from './states.js';

export const Kind = {
  /** Changes nothing; the state was exactly `from`. */
  seen: 0,
  /** Changes nothing; the state was not `from`, and with `to` = 1 the key was there. */
  notSeen: 1,
  /** From any state to `to`. */
  put: 2,
  delete: 3,
  /** Like delete, but the key was there. */
  deletePresent: 4,
  /** From exactly `from` to `to`. */
  cas: 5,
  /** `from` is the number of the appended text. */
  append: 6,
  /** The answer is possible in no state. */
  never: 7,
  /** An increment from zero: like a compare with `from`, but the key may also be absent. */
  count: 8,
  /** An increment that answered nothing: `from` is the number of the amount. */
  add: 9,
  /** The key was there, and only its deadline changes. */
  touch: 10,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Effect {
  readonly kind: Kind;
  readonly from: State;
  readonly to: State;
}
