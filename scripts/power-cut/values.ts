/**
 * Values that can be identified by a short label, `TAG/BYTES`, and verified to the last byte: the text of a label is
 * the label, repeated up to that many bytes.
 */
export const labelOf = (tag: string, bytes: number): string => `${tag}/${bytes}`;

export function textOf(label: string): string {
  const piece = `${label};`;
  const bytes = Math.max(piece.length, Number(label.split('/')[1]));
  return piece.repeat(Math.ceil(bytes / piece.length)).slice(0, bytes);
}

/** The label of a text made by `textOf`; for any other, including damaged ones, a description that equals no label. */
export function labelIn(text: string): string {
  const label = text.slice(0, Math.max(0, text.indexOf(';')));
  if (/^[^/]+\/\d+$/.test(label) && textOf(label) === text) return label;
  return `damaged: ${text.length} characters, ${JSON.stringify(text.slice(0, 40))}…`;
}
