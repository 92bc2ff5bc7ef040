/**
 * Values that are large on the wire and short in the history: a link that is narrow, or a follower that lags, is not put to
 * the test by a few bytes, and a checker that had to keep all of them would be slow for nothing.
 *
 * The padding repeats the value, so that a piece of another large value in it shows. What comes back stands for the value
 * only if every byte is right; otherwise it stays as it came, and is a value that nobody wrote.
 */

/** In no value of the workloads. */
const MARK = '~';
const PADDED = new RegExp(`^([^${MARK}]*)${MARK}(\\d+):`);

/** @param bytes more than the value and its mark take; both are ASCII */
export function padded(value: string, bytes: number): string {
  const unit = `${value}${MARK}${bytes}:`;
  return unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);
}

/** The value that was padded; the body itself, if it is not exactly what `padded` gives. */
export function unpadded(body: string): string {
  const [, value, bytes] = PADDED.exec(body) ?? [];
  if (value === undefined || body.length !== Number(bytes)) return body;
  return body === padded(value, body.length) ? value : body;
}
