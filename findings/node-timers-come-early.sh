#!/usr/bin/env bash
# node:timers: `setTimeout(f, ms)` calls f up to a millisecond before `performance.now()` says that ms are over, and with a
# fraction up to two: `setTimeout(f, 5.9)` after as little as 4.1.
#
# Timers live on libuv's clock, which counts whole milliseconds: the moment at which the timer is set and the delay lose their
# fractions both. Code that treats the call as the end of the time acts too early (a lease, a back-off, a rate), or sets the
# timer again for the rest, which is rounded up to 1 ms. Documentation says that a timer may come late; that it comes
# early it does not. `Math.ceil(ms) + 1` was never early.
#
# Seen with Node 20.20.2 on Linux. Fails if that changes. Needs node; installs nothing.
#
# Output:
#   setTimeout(f, 5): the earliest of 400 came 0.85 ms early
#   setTimeout(f, 5.9): the earliest of 400 came 0.77 ms early
#   setTimeout(f, Math.ceil(5.9) + 1): the earliest of 400 came 0.31 ms late
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/early.cjs" <<'JS'
const once = (asked, delay) =>
  new Promise((resolve) => {
    const start = performance.now();
    setTimeout(() => resolve(performance.now() - start - asked), delay);
  });
void (async () => {
  const earliest = { '5': Infinity, '5.9': Infinity, 'Math.ceil(5.9) + 1': Infinity };
  for (let i = 0; i < 400; i++) {
    earliest['5'] = Math.min(earliest['5'], await once(5, 5));
    earliest['5.9'] = Math.min(earliest['5.9'], await once(5.9, 5.9));
    const whole = 'Math.ceil(5.9) + 1';
    earliest[whole] = Math.min(earliest[whole], await once(5.9, Math.ceil(5.9) + 1));
  }
  for (const [delay, ms] of Object.entries(earliest))
    console.log(`setTimeout(f, ${delay}): the earliest of 400 came ${ms < 0 ? `${(-ms).toFixed(2)} ms early` : `${ms.toFixed(2)} ms late`}`);
  const stated = earliest['5'] < -0.2 && earliest['5.9'] < -0.5 && earliest['Math.ceil(5.9) + 1'] >= 0;
  console.log(stated ? 'as stated: timers come early' : 'changed: see above');
  process.exitCode = stated ? 0 : 1;
})();
JS
echo "node $(node --version)"
node "$folder/early.cjs"
