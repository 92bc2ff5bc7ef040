#!/usr/bin/env node
/** The program `kvorum`: connects `cli/` to the process. */
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { whyTooFewDescriptors } from './few-descriptors.js';

/** As if SIGPIPE, which Node ignores, had ended the process. */
const EXIT_CLOSED_PIPE = 128 + constants.signals.SIGPIPE;

// Output to a full disk is dropped; it is no reason to exit. A pipe that nobody reads any more is one: `| head -1`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_CLOSED_PIPE);
    // Node has no name for EDQUOT.
    const isFull = error.code === 'ENOSPC' || error.errno === -constants.errno.EDQUOT;
    if (!isFull && error.code !== 'EAGAIN') throw error;
  });
}

/** Under a small `ulimit -n` not even the modules can be loaded, many of which are opened at once. */
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
// What is still buffered for a pipe at exit is lost. Nothing is buffered for a file, and one on a disk that hangs must not
// be touched.
const written = (stream: NodeJS.WriteStream) =>
  stream.writableLength === 0 ? undefined : new Promise((resolve) => stream.write('', resolve));
await Promise.all([written(process.stdout), written(process.stderr)]);
// Not `exitCode =`: a forgotten handle must not keep a stopped process alive.
process.exit(exitCode);
