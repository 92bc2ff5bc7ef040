/**
 * Verdicts as self-contained pages: `page.ts` for the history of a key, with what draws it (`layout.ts`, `chart.ts`).
 * The room of transactions builds its page from the same parts.
 */
export { code, renderDocument, renderHeader, type Tip } from './document.js';
export { AXIS, drawGrid, fit, frameChart, type Grid } from './grid.js';
export { packLanes } from './lanes.js';
export { escapeText, round } from './markup.js';
export { renderPage, type KeyPicture, type PageOptions } from './page.js';
