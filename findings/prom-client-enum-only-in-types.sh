#!/usr/bin/env bash
# prom-client 15.1.3 exports an enum, `MetricType`, in its types alone: what compiles fails when it runs.
#
# `index.d.ts` has `export enum MetricType { Counter, Gauge, Histogram, Summary }` (numbers), but the package exports no
# such value, and metrics have a text there ("histogram"). So a metric of one's own, or a test of `metric.type`, compiles
# with `MetricType.Histogram` and ends in "Cannot read properties of undefined". Also not in the types: the registry does
# not ask a histogram's `get()` but its `getForPromString()`, so a subclass that overrides `get` alone changes nothing.
#
# Seen with prom-client 15.1.3 and TypeScript 5.9.3. Fails if that changes. Needs node and npm.
#
# Output:
#   it compiles
#   MetricType: undefined; type: histogram; get overridden: ignored
#   TypeError: Cannot read properties of undefined (reading 'Histogram')
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent prom-client@15.1.3 typescript@5.9.3 @types/node@20.19.0

cat > enum.cts <<'TS'
import { MetricType } from 'prom-client';
export const histogram: MetricType = MetricType.Histogram;
TS
npx tsc --strict --module node16 --moduleResolution node16 --skipLibCheck enum.cts
echo 'it compiles'
node -e '
  const { Histogram, MetricType, Registry } = require("prom-client");
  const registry = new Registry();
  class Own extends Histogram { async get() { throw new Error("never asked"); } }
  const own = new Own({ name: "own", help: "own", registers: [registry] });
  registry.metrics().then((text) => {
    console.log(`MetricType: ${MetricType}; type: ${own.type}; get overridden: ${text.includes("# TYPE own histogram") ? "ignored" : "asked"}`);
  });
' | tee seen
grep -qx 'MetricType: undefined; type: histogram; get overridden: ignored' seen
if node enum.cjs 2>error; then echo 'it runs, too'; exit 1; fi
grep "Cannot read properties of undefined (reading 'Histogram')" error
