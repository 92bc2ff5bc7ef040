/**
 * A terminal session as an animated SVG: commands and output, each line when it appeared. Plays once, without a script;
 * with reduced motion all of it is visible at once.
 */
import { escaped } from '../support/markup.js';

export interface CastLine {
  /** Typed at a prompt in terminal 1 or 2, or printed by the program in that terminal. */
  readonly kind: 'typed' | 'said';
  readonly text: string;
  /** Seconds from the start. */
  readonly at: number;
}

export interface Cast {
  readonly title: string;
  readonly lines: readonly CastLine[];
}

const WIDTH = 900;
const LINE = 20;
const LEFT = 18;
const TOP = 58;
const MOST_COLUMNS = 110;
const FONT = 13;
/** Width of a character of this font. */
const CHARACTER = 7.85;
/** Typing a line takes this long, whatever its length. */
const TYPING_S = 0.8;

const cut = (text: string): string => (text.length > MOST_COLUMNS ? `${text.slice(0, MOST_COLUMNS - 1)}…` : text);

export function drawCast({ title, lines }: Cast): string {
  const height = TOP + lines.length * LINE + 14;
  const drawn = lines.map(({ kind, text, at }, index) => {
    const y = TOP + index * LINE;
    const shown = escaped(cut(kind === 'typed' ? `$ ${text}` : text));
    const delay = `animation-delay:${at.toFixed(2)}s`;
    if (kind === 'said') return `<text class="said" x="${LEFT}" y="${y}" style="${delay}">${shown}</text>`;
    const clip = `<clipPath id="c${index}"><rect x="${LEFT}" y="${y - LINE}" height="${LINE * 1.5}" width="${WIDTH}" style="${delay}"/></clipPath>`;
    return `${clip}<text class="typed" x="${LEFT}" y="${y}" clip-path="url(#c${index})">${shown}</text>`;
  });
  const columns = Math.max(...lines.map(({ text }) => Math.min(MOST_COLUMNS, text.length + 2)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
<title>${escaped(title)}</title>
<style>
text { font: ${FONT}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre; fill: #d5dbe3 }
.typed { fill: #fff; font-weight: 600 }
.said { opacity: 0; animation: come .01s linear forwards }
clipPath rect { width: 0; animation: type ${TYPING_S}s steps(${columns}) forwards }
.title { fill: #8b97a6; font-size: 12px }
@keyframes come { to { opacity: 1 } }
@keyframes type { from { width: 0 } to { width: ${Math.ceil(columns * CHARACTER)}px } }
@media (prefers-reduced-motion: reduce) { .said { opacity: 1; animation: none } clipPath rect { width: ${WIDTH}px; animation: none } }
</style>
<rect width="${WIDTH}" height="${height}" rx="10" fill="#161b22"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/>
<text class="title" x="84" y="24">${escaped(title)}</text>
${drawn.join('\n')}
</svg>
`;
}
