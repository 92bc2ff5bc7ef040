/**
 * How much the heap of a server process may grow between two full garbage collections.
 *
 * V8 collects the old generation again when it has grown by a share of its live objects, and a node has few of them:
 * some 30 MiB, so under writes it marked all of that up to once a second, on threads that compete for the cores with
 * the writes.
 */
import { setFlagsFromString } from 'node:v8';

/** In per cent of live objects. It costs a node some tens of MiB. */
const GROWTH_PERCENT = 400;

/** For server processes; to be called before they start. V8 reads the flag whenever it sets the next limit. */
export function collectGarbageLessOften(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
