/** All metrics: that README lists them, and how they are named. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Dispatcher, Metrics } from '../../src/router/index.js';
import { PROTOCOL } from '../../src/shard/index.js';
import { statsOf, zeroCounters } from '../../src/shard/transport/stats.js';
import { FakeBackend } from '../support/fake-backend.js';
import { FakeCluster, topologyOf } from '../support/fake-cluster.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');

/** `a_{b,c}_d{label}` names a_b_d and a_c_d: braces with a comma in the middle of a name are parts of it, others labels. */
function namesIn(text: string): string[] {
  const [, head = '', parts, tail = ''] = /^(kvorum_\w*?)(?:\{([\w,]+)\}(\w*))?(?:\{[\w,]+\})?$/.exec(text) ?? [];
  const isLabels = parts === undefined || (!head.endsWith('_') && tail === '');
  return isLabels ? [head] : parts.split(',').map((part) => head + part + tail);
}

describe('all metrics together', () => {
  let families: Map<string, string>;
  beforeAll(async () => {
    const backend = new FakeBackend();
    const dispatcher = new Dispatcher({ backend, runtime: new VirtualRuntime(), shardOfKey: () => 0 });
    const metrics = new Metrics({
      backend,
      dispatcher,
      processMetrics: false,
      loopDelay: { onDelay: () => undefined },
      linkStats: () => statsOf(zeroCounters(), []),
      lostLogLines: () => 0,
    });
    const types = (await metrics.render()).matchAll(/^# TYPE (\S+) (\S+)$/gm);
    families = new Map([...types].map(([, name = '', type = '']) => [name, type]));
  });

  it('are those that README lists', () => {
    const cells = [...readme.matchAll(/^\| (`kvorum_[^|]*) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => namesIn(name)),
    );
    expect(cells.sort()).toEqual([...families.keys()].sort());
  });

  it('are named as Prometheus has it: a counter, and nothing else, ends in _total', () => {
    expect(families.size).toBeGreaterThan(30);
    for (const [name, type] of families) expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    expect([...families.keys()].filter((name) => /_(ms|millis|kb|mib)(_|$)/.test(name))).toEqual([]);
  });
});

it('report the highest feature level that this process reads, and the one that the cluster has committed', async () => {
  const backend = new FakeCluster(undefined);
  const dispatcher = new Dispatcher({ backend, runtime: new VirtualRuntime(), shardOfKey: () => 0 });
  const metrics = new Metrics({ backend, dispatcher, processMetrics: false });
  const levels = async (): Promise<string[]> =>
    (await metrics.render()).split('\n').filter((line) => /^kvorum_\w*feature_level /.test(line));
  const mine = `kvorum_feature_level ${PROTOCOL.featureLevel}`;
  expect(await levels()).toEqual([mine, 'kvorum_cluster_feature_level 0']);
  backend.known = topologyOf(1, [[1]]);
  expect(await levels()).toEqual([mine, 'kvorum_cluster_feature_level 1']);
  backend.known = { ...topologyOf(1, [[1]]), featureLevel: 5 };
  expect(await levels()).toEqual([mine, 'kvorum_cluster_feature_level 5']);
});
