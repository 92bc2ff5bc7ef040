/**
 * The command line and the processes that it starts.
 *
 * `program.ts` turns arguments into configurations and exit codes. `run.ts` runs one node or router in this process.
 * `supervisor.ts` runs a whole cluster on this machine: `local-cluster.ts` its processes, `cluster-file.ts` its record,
 * `screen.ts` its output. `process-lifecycle.ts` is the shutdown of each of these processes.
 */
export { run } from './program.js';
