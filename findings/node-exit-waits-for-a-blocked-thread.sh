#!/usr/bin/env bash
# Node.js: `process.exit()` does not end the process while a worker thread is in a system call.
#
# The documentation says of `process.exit()` that it terminates the process "synchronously", even with work pending, and
# of `worker.terminate()` that it stops JavaScript "as soon as possible". Both do, `Atomics.wait` included. But a thread
# that waits for the system (a child process here; it may be a read, or a sync of a disk that hangs) is joined: 'exit'
# has long been emitted, and the process stays, with no limit of time, and gives its exit code when the call returns. So
# a watchdog that calls `process.exit(1)` is none where work is done in threads. What ends such a process is a signal
# (`process.kill(process.pid, 'SIGKILL')`), and that has no exit code.
#
# Seen with Node 20.20.2 on Linux: 0.3 s after a thread began a call of 3 s, `exit(7)` emitted 'exit' within 1 ms, and the
# process ended 2.7 s later with code 7; likewise after `terminate()`. With `Atomics.wait` instead it ended within 20 ms.
#
# Fails if that changes. Needs node and `sleep`; installs nothing.
#
# Output:
#   exit, thread waits in system: the process ended 2748 ms later, exit code 7
#   terminate, thread waits in system: the process ended 2752 ms later, exit code 0
#   exit, thread waits in javascript: the process ended 50 ms later, exit code 7
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/end.cjs" <<'JS'
const { Worker } = require('node:worker_threads');
const waits = {
  system: `require('node:child_process').execFileSync('sleep', ['3'])`,
  javascript: `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000)`,
};
const [how, wait] = process.argv.slice(2);
const worker = new Worker(`require('node:worker_threads').parentPort.postMessage('begins'); ${waits[wait]}`, { eval: true });
worker.once('message', () => {
  setTimeout(() => {
    process.once('exit', () => console.log(Date.now())); // Standard output is a pipe: written at once.
    if (how === 'exit') process.exit(7);
    void worker.terminate();
  }, 300);
  if (how === 'terminate') setTimeout(() => console.log(Date.now()), 300);
});
JS
cat > "$folder/measure.cjs" <<'JS'
const { spawnSync } = require('node:child_process');
const measure = (how, wait) => {
  const { status, stdout } = spawnSync(process.execPath, [`${__dirname}/end.cjs`, how, wait], { encoding: 'utf8' });
  const ms = Date.now() - Number(stdout.split('\n')[0]);
  console.log(`${how}, thread waits in ${wait}: the process ended ${ms} ms later, exit code ${status}`);
  return { ms, status };
};
const exit = measure('exit', 'system');
const terminate = measure('terminate', 'system');
const interrupted = measure('exit', 'javascript');
const waited = exit.ms > 1_500 && exit.status === 7 && terminate.ms > 1_500;
const stated = waited && interrupted.ms < 1_500 && interrupted.status === 7;
console.log(stated ? 'as stated: a thread in a call of the system is waited for' : 'changed: see above');
process.exitCode = stated ? 0 : 1;
JS
echo "node $(node --version)"
node "$folder/measure.cjs"
