/** Starts a worker thread from a file that is JavaScript (built) or TypeScript (in development), as this one is. */
import { Worker } from 'node:worker_threads';

/** `entry` ends in .js; in development the TypeScript file in its place is run by tsx. */
export function startThread(entry: URL, workerData?: SharedArrayBuffer): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(entry, { workerData });
  // Node 20 does not apply `--import tsx` to the entry of a worker, so a line of JavaScript registers tsx by its API.
  const tsx = import.meta.resolve('tsx/esm/api');
  const source = entry.href.replace(/\.js$/, '.ts');
  const line = `import { register } from ${JSON.stringify(tsx)}; register(); await import(${JSON.stringify(source)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(line)}`), { workerData });
}
