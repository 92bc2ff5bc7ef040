/**
 * What \`kvorum sim\` demands of many seeds. Its workers are a script that answers at once, and reports the faults and
 * states that a test gives it; real workers run in \`test/e2e/sim.test.ts\`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/index.js';
import { COVERAGE_SEEDS } from '../../src/sim/campaign.js';
import { DEFAULT_FAULT_KINDS, MARKS } from '../../src/sim/index.js';

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT', 'disconnect'] as const;

let out: string;
let folder: string;
let listenersBefore: ReadonlyMap<string, readonly unknown[]>;
beforeEach(() => {
  out = '';
  folder = mkdtempSync(join(tmpdir(), 'kvorum-sim-'));
  listenersBefore = new Map(SIGNALS.map((name) => [name, process.listeners(name as 'SIGTERM')]));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
  // The command listens for the end of its process, which here is that of the tests.
  for (const name of SIGNALS) {
    for (const listener of process.listeners(name as 'SIGTERM'))
      if (listenersBefore.get(name)?.includes(listener) !== true) process.removeListener(name, listener);
  }
});

/** What seeds inject and reach: the last of them all of it, the others nothing. */
async function simulate(faults: readonly string[], marks: readonly string[], ...flags: readonly string[]) {
  const counts = (names: readonly string[]): string =>
    JSON.stringify(Object.fromEntries(names.map((name) => [name, 1])));
  const script = join(folder, 'worker.cjs');
  writeFileSync(
    script,
    `process.on('message', ({ seed, scenario }) => {
      const isLast = seed === ${COVERAGE_SEEDS};
      process.send({ measured: { cpuMs: 1, result: {
        seed: seed.toString(16), scenario, simulatedMs: 1, events: 1, operations: { ok: 1, failed: 0, unknown: 0 }, digest: '0',
        faults: isLast ? ${counts(faults)} : {}, reached: isLast ? ${counts(marks)} : {},
      } } });
    });`,
  );
  out = '';
  const code = await run(['sim', '--seeds', String(COVERAGE_SEEDS), '--jobs', '1', ...flags], script);
  return { code, out };
}

describe('kvorum sim of many seeds', () => {
  it('passes when each kind of fault happened and each state was reached', async () => {
    const { code, out: report } = await simulate(DEFAULT_FAULT_KINDS, MARKS);
    expect(report).toMatch(/^PASSED/);
    expect(code).toBe(0);
  });

  it('fails for one state that none reached, and its table says 0', async () => {
    const [never, ...others] = MARKS;
    const { code, out: report } = await simulate(DEFAULT_FAULT_KINDS, others);
    expect(report).toMatch(/^FAILED: 500 seeds from 1 on, 0 failed$/m);
    expect(report).toContain(`FAILED: ${never} was reached in none of 500 seeds or more`);
    expect(report).toMatch(new RegExp(`^  ${never} +0$`, 'm'));
    expect(code).toBe(1);
  });

  it('fails for one kind of fault that never happened, and its table says 0', async () => {
    const [never, ...others] = DEFAULT_FAULT_KINDS;
    const { code, out: report } = await simulate(others, MARKS);
    expect(report).toContain(`FAILED: no fault of kind ${never} in 500 seeds or more`);
    expect(report).toMatch(new RegExp(`^  ${never} +0 +0$`, 'm'));
    expect(code).toBe(1);
  });

  it('does not demand of seeds that were narrowed what they may not come to', async () => {
    const { code, out: report } = await simulate([], [], '--nodes', '1');
    expect(report).toMatch(/^PASSED/);
    expect(code).toBe(0);
  });
});
