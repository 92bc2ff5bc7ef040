/** JSON Pointer (RFC 6901), strictly: nothing is repaired or guessed. */

/** No sign, leading zero or fraction; a longer number is no index of anything that fits into memory. */
const INDEX = /^(?:0|[1-9][0-9]{0,14})$/;

/** What is wrong with a pointer; undefined if it may point to something within `depth` containers. */
export function pointerError(text: string, depth: number): string | undefined {
  if (text !== '' && !text.startsWith('/')) return 'a JSON Pointer is empty or begins with /';
  let tokens = 0;
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) tokens += 1;
  if (tokens > depth) return `a path of more than ${depth} steps`;
  return /~(?![01])/.test(text) ? 'a ~ in a JSON Pointer is followed by 0 or 1' : undefined;
}

export function tokensOf(pointer: string): string[] {
  if (pointer === '') return [];
  const tokens = pointer.slice(1).split('/');
  return pointer.includes('~') ? tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')) : tokens;
}

/** The index that a token stands for; undefined if it is none. */
export const indexOf = (token: string): number | undefined => (INDEX.test(token) ? Number(token) : undefined);

/** Whether `outer` points to something that what `inner` points to is in. */
export const isWithin = (inner: string, outer: string): boolean => inner.startsWith(`${outer}/`);
