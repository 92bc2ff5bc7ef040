#!/usr/bin/env node
/** The program `kvorum`. Everything is in `cli/`; this file only connects it to the process. */
import { fileURLToPath } from 'node:url';
import { run } from './cli/index.js';

const exitCode = await run(process.argv.slice(2), fileURLToPath(import.meta.url));
// Not `exitCode =`: a handle that somebody forgot must not keep a stopped process.
process.exit(exitCode);
