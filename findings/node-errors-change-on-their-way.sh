#!/usr/bin/env bash
# Node.js: what is left of an Error at the other end depends on the way it took; three of five ways drop its `code`.
#
# A library tells errors apart by `code` (`ENOENT`, `SQLITE_FULL`). Posted to another thread an Error arrives as an Error
# with its message and stack, and without `code`, `errno` and the like, also if it is of Node's own making; so does one
# of `fork` with "advanced" serialization. Thrown in a worker, it reaches the 'error' event with all of them: another
# serializer. Sent by `fork` with its default (JSON) it is the other way round: `code` arrives, the message does not.
# The documentation of `postMessage` names what cloning loses (accessors, prototypes, properties that are not
# enumerable), but `code` is an enumerable property of the object's own. Errors that cross threads or processes are best sent as plain objects.
#
# Seen with Node 20.20.2. Fails if that changes. Needs node; installs nothing.
#
# Output:
#   structuredClone: Error: true, code: undefined, message: true
#   worker, posted: Error: true, code: undefined, message: true
#   worker, thrown: Error: true, code: ENOENT, message: true
#   fork, json: Error: false, code: ENOENT, message: false
#   fork, advanced: Error: true, code: undefined, message: true
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/fails.cjs" <<'JS'
const { readFileSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
try {
  readFileSync(`${__dirname}/nowhere`);
} catch (error) {
  if (process.send !== undefined) process.send(error, () => process.disconnect());
  else if (workerData === 'post') parentPort.postMessage(error);
  else throw error;
}
JS
cat > "$folder/ways.cjs" <<'JS'
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const script = `${__dirname}/fails.cjs`;
const first = async (source, event) => (await once(source, event))[0];
// An 'error' event makes `once` reject with it.
const thrown = (worker) => once(worker, 'exit').catch((error) => error);
const caught = () => {
  try {
    require('node:fs').readFileSync(`${__dirname}/nowhere`);
  } catch (error) {
    return error;
  }
};
void (async () => {
  const arrived = {
    'structuredClone': structuredClone(caught()),
    'worker, posted': await first(new Worker(script, { workerData: 'post' }), 'message'),
    'worker, thrown': await thrown(new Worker(script, { workerData: 'throw' })),
    'fork, json': await first(fork(script), 'message'),
    'fork, advanced': await first(fork(script, { serialization: 'advanced' }), 'message'),
  };
  const seen = Object.entries(arrived).map(([way, error]) => {
    const is = `Error: ${error instanceof Error}, code: ${error.code}, message: ${error.message !== undefined}`;
    console.log(`${way}: ${is}`);
    return is;
  });
  const cloned = 'Error: true, code: undefined, message: true';
  const whole = 'Error: true, code: ENOENT, message: true';
  const json = 'Error: false, code: ENOENT, message: false';
  const stated = seen.join() === [cloned, cloned, whole, json, cloned].join();
  console.log(stated ? 'as stated: the way decides what is left of an error' : 'changed: see above');
  process.exitCode = stated ? 0 : 1;
})();
JS
echo "node $(node --version)"
node "$folder/ways.cjs"
