#!/usr/bin/env node
/** The program `kvorum`. Everything is in `cli/`; this file only connects it to the process. */
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { whyTooFewDescriptors } from './few-descriptors.js';

// The supervisor's words and the answers of commands: a full disk under them is no reason to end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Node has no name for EDQUOT.
    const isFull = error.code === 'ENOSPC' || error.errno === -constants.errno.EDQUOT;
    if (!isFull && error.code !== 'EAGAIN') throw error;
  });
}

/** Under a small `ulimit -n` not even the modules can be loaded, of which many are opened at once. */
async function main(): Promise<number> {
  try {
    const { run } = await import('./cli/index.js');
    return await run(process.argv.slice(2), fileURLToPath(import.meta.url));
  } catch (error) {
    const why = whyTooFewDescriptors(error);
    if (why === undefined) throw error;
    process.stderr.write(`kvorum: ${why}\n`);
    return 1;
  }
}

const exitCode = await main();
// A pipe takes its time, and what is on its way when the process ends never arrives. Nothing is on its way to a file, and
// one on a disk that hangs is not to be touched.
const written = (stream: NodeJS.WriteStream) =>
  stream.writableLength === 0 ? undefined : new Promise((resolve) => stream.write('', resolve));
await Promise.all([written(process.stdout), written(process.stderr)]);
// Not `exitCode =`: a handle that somebody forgot must not keep a stopped process.
process.exit(exitCode);
