/** Starts a worker thread from a file that is, like this one, JavaScript (built) or TypeScript (in development). */
import { Worker } from 'node:worker_threads';

/** `entry` ends in .js; in development there is TypeScript in its place, run by tsx. */
export function startThread(entry: URL, workerData?: SharedArrayBuffer): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(entry, { workerData });
  // Node 20 does not apply `--import tsx` to the entry of a worker, so a line of JavaScript calls tsx by its interface.
  const tsx = import.meta.resolve('tsx/esm/api');
  const source = entry.href.replace(/\.js$/, '.ts');
  const line = `import { register } from ${JSON.stringify(tsx)}; register(); await import(${JSON.stringify(source)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(line)}`), { workerData });
}
