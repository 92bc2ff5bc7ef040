/**
 * What an idle cluster costs: `npm run idle -- [--seconds 10] [options of kvorum start]`.
 *
 * Starts a cluster of its own, lets it settle, and reads the CPU time of its processes from /proc over some seconds.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cpuMs } from './support/cpu.js';
import { startScriptCluster } from './support/local-cluster.js';
import { table } from './support/table.js';

/** Until leaders are spread, and the runtime has compiled hot code and collected the garbage of the start. */
const SETTLE_MS = 15_000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    nodes: { type: 'string', default: '3' },
    shards: { type: 'string', default: '16' },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const cluster = await startScriptCluster(['--nodes', values.nodes, '--shards', values.shards, '--log-level', 'warn']);
try {
  await pause(SETTLE_MS);
  const names = [...cluster.nodePids.map((_, index) => `n${index + 1}`), 'router'];
  const pids = [...cluster.nodePids, cluster.routerPid];
  const before = pids.map(cpuMs);
  const startedAt = performance.now();
  await pause(seconds * 1000);
  const tookMs = performance.now() - startedAt;
  const shares = pids.map((pid, i) => (100 * (cpuMs(pid) - (before[i] ?? 0))) / tookMs);
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (values.json) {
    console.log(
      JSON.stringify({ seconds, shares: Object.fromEntries(names.map((name, i) => [name, shares[i]])), total }),
    );
  } else {
    console.log(`idle for ${seconds} s, ${SETTLE_MS / 1000} s after its start: share of one core`);
    const rows = names.map((name, i) => [name, `${(shares[i] ?? 0).toFixed(1)} %`]);
    console.log(table(['process', 'CPU'], [...rows, ['all', `${total.toFixed(1)} %`]]));
  }
} finally {
  await cluster.stop();
}
