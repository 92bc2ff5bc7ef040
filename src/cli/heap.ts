/**
 * How much the heap of a long-lived process may grow between two full collections.
 *
 * V8 collects the old generation again when it has grown by a share of what was alive, and of a node little is: some
 * 30 MiB, so under writes it marked all of that up to once a second, on threads that compete for the cores with the writes.
 * Knows nothing of what the process does.
 */
import { setFlagsFromString } from 'node:v8';

/** In per cent of what is alive. A node's memory grows by some tens of MiB for it. */
const GROWTH_PERCENT = 400;

/** For processes that serve; to be called before they begin. V8 reads the flag whenever it sets the next limit. */
export function collectLessOften(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
