#!/usr/bin/env bash
# V8: what passes through a small, long-lived Map stays alive until the next full collection, though it was deleted.
#
# A Map that is deleted from gets a new table again and again, a small one every few entries, and the table that is
# outgrown refers to the new one. Once a full collection has moved one of these to the old generation, every scavenge
# treats it as alive, reachable or not, and so each table after it, with all that these still reference. Deleting entries in time,
# or `clear()`, does not help. None of it is reachable, and a queue, or a map of pending requests by id, is used in just this way.
#
# Here 200,000 objects of 1 KB pass through a Map, and through an array, that never hold more than five. Seen with Node
# 20.20.2 (V8 11.3): scavenges took 11 to 43 ms with the array and 194 to 818 ms with the Map, deleted from or cleared,
# which also brought full collections (14 events; none with the array).
#
# Fails if a Map costs less than three times the array, in the same run. Needs node; installs nothing.
#
# Output, on a busy machine:
#   array: scavenges took 106 ms; other collections: 0
#   deleted: scavenges took 1410 ms; other collections: 14
#   cleared: scavenges took 1112 ms; other collections: 14
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/pass.cjs" <<'JS'
const { PerformanceObserver, constants } = require('node:perf_hooks');
const map = new Map();
const array = [];
const passes = {
  array(i, value) {
    array.push(value);
    if (array.length > 4) array.shift();
  },
  deleted(i, value) {
    map.set(i, value);
    map.delete(i - 4);
  },
  cleared(i, value) {
    map.set(i, value);
    if (map.size > 4) map.clear();
  },
};
const pass = passes[process.argv[2]];
const run = (from, to) => {
  for (let i = from; i < to; i++) pass(i, { i, bytes: new Array(120).fill(i) });
};
run(0, 1_000);
gc(); // As it happens to every process that lives for a while: what is there now is old from here on.
gc();
let scavenges = 0;
let others = 0;
new PerformanceObserver((list) => {
  for (const { detail, duration } of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) scavenges += duration;
    else others++;
  }
}).observe({ entryTypes: ['gc'] });
run(1_000, 200_000);
setTimeout(() => {
  console.error(`${process.argv[2]}: scavenges took ${scavenges.toFixed(0)} ms; other collections: ${others}`);
  console.log(Math.ceil(scavenges));
}, 50);
JS
echo "node $(node --version)"
array=$(node --expose-gc "$folder/pass.cjs" array)
deleted=$(node --expose-gc "$folder/pass.cjs" deleted)
cleared=$(node --expose-gc "$folder/pass.cjs" cleared)
if [ "$deleted" -ge $((3 * array)) ] && [ "$cleared" -ge $((3 * array)) ]; then
  echo 'as stated: entries that left a Map are kept alive, and copied by scavenges'
else
  echo 'changed: a Map costs scavenges about what an array costs'
  exit 1
fi
