/**
 * Verdicts as self-contained pages: `page.ts` for the history of a key, with what draws it (`layout.ts`, `chart.ts`).
 * Other rooms build pages of their own from the same parts.
 */
export { renderPage, type KeyPicture, type PageOptions } from './page.js';
