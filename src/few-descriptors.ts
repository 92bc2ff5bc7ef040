/**
 * What to say where a file cannot be opened for want of descriptors, which can be any module of this program.
 *
 * Imports nothing: it is loaded before all else, and has to be there when nothing else can be loaded any more.
 */

/** What a node of an ordinary local cluster holds and keeps free (`router/admin/descriptors.ts`) fits into so many. */
export const LEAST_OPEN_FILES = 128;

/** In one line; undefined if `error` has another reason. */
export function whyTooFewDescriptors(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  if (error.code === 'ENFILE') return `the system has no file descriptors left: ${error.message}`;
  if (error.code !== 'EMFILE') return undefined;
  return `too few file descriptors: ${error.message}; raise \`ulimit -n\` to at least ${LEAST_OPEN_FILES}`;
}
