/**
 * The command line: what a person types, and the processes that come of it.
 *
 * `program.ts` turns arguments into configurations and exit codes. `run.ts` is one node or router in this process.
 * `supervisor.ts` is a whole cluster on this machine: `local-cluster.ts` its processes, `cluster-file.ts` what it
 * remembers, `screen.ts` what it shows. `process-life.ts` is how each of these processes ends.
 */
export { run } from './program.js';
