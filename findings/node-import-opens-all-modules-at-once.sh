#!/usr/bin/env bash
# Node.js: `import` opens the files of all modules that it has found at the same time, `require` one after the other.
#
# A program of 200 small modules side by side needs 200 descriptors for a moment, and fails with EMFILE under a limit of 128
# before its first line runs, where the same program in CommonJS needs one. The error is an ordinary one of `fs`, without a
# mention of modules in its message, so it reads as a leak. A program under a small `ulimit -n` (containers, init systems
# with a limit per unit, shared hosts) meets it after a refactoring into more files, or a switch from CommonJS. A program
# can catch it only around a dynamic `import()` in a file that imports nothing itself; a bundle does not have it.
#
# Seen with Node 20.20.2 on Linux, 200 modules:
#   limit 128: import: EMFILE, require: loaded
#   limit 256: import: loaded, require: loaded
# Fails if that changes. Needs node; installs nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for number in $(seq 200); do
  echo "export default $number;" > "$number.mjs"
  echo "module.exports = $number;" > "$number.cjs"
  echo "import './$number.mjs';" >> all.mjs
  echo "require('./$number.cjs');" >> all.cjs
done
load() {
  (
    ulimit -n "$1"
    node -e "import('$folder/all.$2').then(() => console.log('loaded'), ({ code }) => console.log(code))"
  )
}
seen=''
for limit in 128 256; do
  line="limit $limit: import: $(load "$limit" mjs), require: $(load "$limit" cjs)"
  echo "$line"
  seen+="$line;"
done
echo "node $(node --version)"
[ "$seen" = 'limit 128: import: EMFILE, require: loaded;limit 256: import: loaded, require: loaded;' ]
