/**
 * The fields of one line, located in the text of a JSON object, because `JSON.parse` loses this information.
 *
 * Takes linear time and constant stack: a line may be 64 MiB, a value 16 MiB. Independent of operations. The text must
 * be a valid JSON object: nothing is checked again.
 */

const QUOTE = 0x22;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Called with the position of a name, from its opening quote to after its closing one. True ends the walk. */
type OnName = (from: number, to: number) => boolean;

/** The number of fields of the outermost object in the text: duplicates are counted. */
export function countFields(text: string): number {
  let count = 0;
  walk(text, () => {
    count++;
    return false;
  });
  return count;
}

/** The value of a field of the outermost object as written, if it is neither a string nor nested. */
export function bareValueOf(text: string, name: string): string | undefined {
  let value: string | undefined;
  walk(text, (from, to) => {
    // Names may be spelled in different ways: "a" and "\u0061".
    if (JSON.parse(text.slice(from, to)) !== name) return false;
    const begin = text.indexOf(':', to) + 1;
    let end = begin;
    while (end < text.length && text[end] !== ',' && text[end] !== '}') end++;
    value = text.slice(begin, end).trim();
    return true;
  });
  return value;
}

function walk(text: string, onName: OnName): void {
  let depth = 0;
  // Directly inside the outermost object, a colon outside strings always follows a name.
  let from = 0;
  let to = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        from = at;
        to = endOfString(text, at);
        at = to - 1;
        break;
      case COLON:
        if (depth === 1 && onName(from, to)) return;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--;
        break;
    }
  }
}

/** The position after the closing quote: a quote is the closing one after an even number of backslashes. */
function endOfString(text: string, from: number): number {
  for (let quote = text.indexOf('"', from + 1); ; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (text.charCodeAt(first - 1) === BACKSLASH) first--;
    if ((quote - first) % 2 === 0) return quote + 1;
  }
}
