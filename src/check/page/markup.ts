/** Escapes text for a page: keys and values may contain anything, even `</script>`. */

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For content and for quoted attributes. */
export function escapeText(text: string): string {
  // Control characters are not allowed in HTML, escaped or not.
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '').replaceAll(CONTROL, '\uFFFD');
}

const CONTROL = /[\0-\x08\x0B\x0C\x0E-\x1F]/g;

/** For the inside of a script element: no `<` that could end it, or begin a comment. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

export const round = (value: number): number => Math.round(value * 10) / 10;
