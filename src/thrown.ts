/** What a `catch` clause or a rejected promise got: by its type anything, by habit an `Error`. */

/** As an error: itself, or one whose message is its text. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

/** Its message, or its text if it is no error. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** Its stack, where it has one: for faults that somebody has to find. */
export const stackOf = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
