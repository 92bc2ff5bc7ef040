/**
 * Values that are large on the wire and short in the history: small values do not exercise a narrow link or a lagging
 * follower, and a checker that had to keep large ones would be slow without benefit.
 *
 * The padding repeats the value, so that a piece of another large value in it shows. A body counts as the value only if
 * every byte is right; otherwise it is recorded as it came, and is a value that no client wrote.
 */

/** Occurs in no value of the workloads. */
const MARK = '~';
const PADDED = new RegExp(`^([^${MARK}]*)${MARK}(\\d+):`);

/** @param bytes more than the value and its mark take; both are ASCII */
export function padded(value: string, bytes: number): string {
  const unit = `${value}${MARK}${bytes}:`;
  return unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);
}

/** The value that was padded, or the body itself if it is not exactly what `padded` returns. */
export function unpadded(body: string): string {
  const [, value, bytes] = PADDED.exec(body) ?? [];
  if (value === undefined || body.length !== Number(bytes)) return body;
  return body === padded(value, body.length) ? value : body;
}
