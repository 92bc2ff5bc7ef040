#!/usr/bin/env node
/** The program `kvorum`. Everything is in `cli/`; this file only connects it to the process. */
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { run } from './cli/index.js';

// The supervisor's words and the answers of commands: a full disk under them is no reason to end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Node has no name for EDQUOT.
    const isFull = error.code === 'ENOSPC' || error.errno === -constants.errno.EDQUOT;
    if (!isFull && error.code !== 'EAGAIN') throw error;
  });
}

const exitCode = await run(process.argv.slice(2), fileURLToPath(import.meta.url));
// A pipe takes its time, and what is on its way when the process ends never arrives.
const written = (stream: NodeJS.WriteStream) => new Promise((resolve) => stream.write('', resolve));
await Promise.all([written(process.stdout), written(process.stderr)]);
// Not `exitCode =`: a handle that somebody forgot must not keep a stopped process.
process.exit(exitCode);
