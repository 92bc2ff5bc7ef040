/** Lists of entity tags (RFC 9110 §8.8.3), parsed in one pass. */

export interface EntityTag {
  readonly weak: boolean;
  /** The text between the quotes. */
  readonly opaque: string;
}

/** The tags of `"a", W/"b"`, in their order; undefined if the text is no list of tags, or an empty one. */
export function parseEntityTags(text: string): readonly EntityTag[] | undefined {
  const tags: EntityTag[] = [];
  let at = nextElement(text, 0);
  while (at < text.length) {
    const weak = text.startsWith('W/', at);
    const opens = weak ? at + 2 : at;
    // An opaque tag may hold a comma, but no quote and no blank.
    const closes = text[opens] === '"' ? text.indexOf('"', opens + 1) : -1;
    if (closes < 0) return undefined;
    const opaque = text.slice(opens + 1, closes);
    if (!/^[\x21\x23-\x7e\x80-\xff]*$/.test(opaque)) return undefined;
    tags.push({ weak, opaque });
    at = blanksEnd(text, closes + 1);
    if (at < text.length && text[at] !== ',') return undefined;
    at = nextElement(text, at);
  }
  return tags.length === 0 ? undefined : tags;
}

/** A recipient skips empty elements, wherever they stand (RFC 9110 §5.6.1). */
function nextElement(text: string, from: number): number {
  let at = blanksEnd(text, from);
  while (text[at] === ',') at = blanksEnd(text, at + 1);
  return at;
}

function blanksEnd(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at += 1;
  return at;
}
