#!/usr/bin/env bash
# fast-check: `fc.array(x, { maxLength: 40 })` never makes an array of more than ten elements, and half of them have five or fewer.
#
# `maxLength` bounds what a test may see; how far the draws go is `size`, whose default ('small') stops at ten whatever
# `maxLength` says. So a property over courses of "up to 40 random steps" has only ever run short ones, and passes: what
# needs a dozen steps to go wrong is never tried. Nothing warns. `size: 'max'` draws up to `maxLength`; for all
# arbitraries at once, `fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true })` does, which is off by default.
# The same is true of strings, sets, dictionaries and of `fc.commands`.
#
# Seen with fast-check 4.10.2, Node 20.20.2. Fails if that changes. Needs node and npm.
#
# Output:
#   array: maxLength 40, longest of 20,000 10, median 5
#   string: maxLength 40, longest of 20,000 10
#   array, size 'max': maxLength 40, longest of 20,000 40
#   array, defaultSizeToMaxWhenMaxSpecified: maxLength 40, longest of 20,000 40
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent --save-exact fast-check@4.10.2
cat > lengths.cjs <<'JS'
const fc = require('fast-check');
const longest = (arbitrary) => fc.sample(arbitrary, { numRuns: 20_000, seed: 7 }).reduce((most, { length }) => Math.max(most, length), 0);
const median = (arbitrary) => {
  const lengths = fc.sample(arbitrary, { numRuns: 20_000, seed: 7 }).map(({ length }) => length);
  return lengths.sort((a, b) => a - b)[10_000];
};
const nat = fc.nat(9);
const bound = fc.array(nat, { maxLength: 40 });
const seen = {
  array: [longest(bound), median(bound)],
  string: [longest(fc.string({ maxLength: 40 }))],
  "array, size 'max'": [longest(fc.array(nat, { maxLength: 40, size: 'max' }))],
};
fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });
seen['array, defaultSizeToMaxWhenMaxSpecified'] = [longest(fc.array(nat, { maxLength: 40 }))];
for (const [what, [most, half]] of Object.entries(seen))
  console.log(`${what}: maxLength 40, longest of 20,000 ${most}${half === undefined ? '' : `, median ${half}`}`);
const stated = seen.array[0] <= 10 && seen.string[0] <= 10 && Object.values(seen).slice(2).every(([most]) => most === 40);
console.log(stated ? 'as stated: ten is the longest, where forty are allowed' : 'changed: see above');
process.exitCode = stated ? 0 : 1;
JS
echo "node $(node --version)"
node lengths.cjs
