/** The frame of every page: one self-contained file, with a content security policy that forbids to load anything. */
import { count, number } from '../text.js';
import { escapeText, scriptJson } from './markup.js';
import { SCRIPT } from './script.js';
import { STYLE } from './style.js';

/** What the page says of the element under the pointer. */
export interface Tip {
  readonly what: string;
  /** Name, text, and whether the text is a value of the key. */
  readonly facts: readonly (readonly [string, string, boolean])[];
}

export interface Document {
  readonly title: string;
  /** HTML. */
  readonly body: string;
  /** By the `data-view` of a section, and the `data-i` of a bar in it. */
  readonly tips: Readonly<Record<string, readonly Tip[]>>;
}

export function renderDocument({ title, body, tips }: Document): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body}
<div id="tip" hidden></div>
<script type="application/json" id="operations">${scriptJson(tips)}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

export interface HeaderFacts {
  readonly verdict: string;
  readonly keys: number;
  readonly clients: number;
  readonly concurrency: number;
  readonly unknown: number;
  readonly tookMs: number;
}

/** @param size how long the history is, in words. */
export function renderHeader(name: string, size: string, facts: HeaderFacts): string {
  const { verdict, keys, clients, concurrency, unknown, tookMs } = facts;
  const counts = `${size} · ${count(keys, 'key')} · ${count(clients, 'client')} · concurrency ${number(concurrency)} · ${number(unknown)} unknown · ${number(Math.round(tookMs))} ms`;
  return `<header><span class="verdict ${verdict}">${verdict}</span><h1>${escapeText(name)}</h1><span class="counts">${counts}</span></header>`;
}

/** HTML for text in the typeface of code. */
export const code = (text: string): string => `<code>${escapeText(text)}</code>`;
