/** The nemesis on a control that only records what it applies. */
import { describe, expect, it } from 'vitest';
import type { Fault, FaultControl, FaultStatus } from '../../src/faults/index.js';
import { Nemesis, type NemesisOptions } from '../../scripts/jepsen/nemesis.js';
import type { Slot } from '../../scripts/jepsen/schedule.js';

class Notebook implements FaultControl {
  readonly applied: Fault[] = [];
  leader: number | null = 2;
  refuses: Fault['type'] | undefined;
  dead = false;
  /** Once a fault was injected. */
  dies = false;
  disk: readonly 'fails'[] = [];

  apply(fault: Fault): Promise<void> {
    if (fault.type === this.refuses) return Promise.reject(new Error('not here'));
    this.applied.push(fault);
    this.dead = this.dies;
    return Promise.resolve();
  }

  status(): Promise<FaultStatus> {
    const node = {
      node: 1,
      name: 'n1',
      pid: 1,
      url: 'http://127.0.0.1:1',
      slowDiskMs: 0,
      killed: false,
      warnings: [],
      disk: this.disk,
    };
    const state = this.dead
      ? ({ state: 'dead', ended: 'ended with code 1' } as const)
      : ({ state: 'running', ended: null } as const);
    return Promise.resolve({
      nodes: [{ ...node, ...state }],
      shards: [{ shard: 0, leader: this.leader, term: 3 }],
      ...{ links: [], routers: [] },
    });
  }
}

async function inject(
  faults: Slot['faults'],
  control = new Notebook(),
  signal = new AbortController().signal,
  more: Partial<NemesisOptions> = {},
) {
  const said: string[] = [];
  const say = (text: string) => said.push(text);
  let time = 0;
  const nemesis = new Nemesis({
    control,
    nodes: 3,
    shards: 1,
    now: () => (time += 1),
    say,
    signal,
    symptoms: {},
    ...more,
  });
  await nemesis.run([{ atMs: 0, lastsMs: 1, faults }]);
  return { applied: control.applied, nemesis, said };
}

describe('the nemesis', () => {
  it('performs the steps in order, records the window, and heals', async () => {
    const { applied, nemesis } = await inject([
      {
        kind: 'kill-all',
        steps: [
          { afterMs: 0, fault: { type: 'kill', node: 1 } },
          { afterMs: 1, fault: { type: 'restart', node: 1 } },
        ],
      },
      { kind: 'ring', steps: [{ afterMs: 0, fault: { type: 'ring' } }] },
    ]);
    expect(applied.map(({ type }) => type)).toEqual(['kill', 'ring', 'restart', 'heal']);
    expect(nemesis.windows).toEqual([{ kinds: ['kill-all', 'ring'], start: 1, end: 2 }]);
    expect([...nemesis.injected]).toEqual([
      ['kill-all', 1],
      ['ring', 1],
    ]);
    expect(nemesis.failures).toEqual([]);
  });

  it('finds out who leads', async () => {
    const step = (type: 'kill' | 'deafen' | 'mute') => [{ afterMs: 0, fault: { type, leaderOf: 0 } }];
    const killed = await inject([{ kind: 'kill-leader', steps: step('kill') }]);
    expect(killed.applied[0]).toEqual({ type: 'kill', node: 2 });
    const deaf = await inject([{ kind: 'one-way', steps: step('deafen') }]);
    expect(deaf.applied.slice(0, 2)).toEqual([
      { type: 'cut', from: 1, to: 2 },
      { type: 'cut', from: 3, to: 2 },
    ]);
    const mute = await inject([{ kind: 'one-way', steps: step('mute') }]);
    expect(mute.applied[0]).toEqual({ type: 'cut', from: 2, to: 1 });
  });

  it('performs steps on a leader first: after others at the same time there may be none', async () => {
    class Mortal extends Notebook {
      override async apply(fault: Fault): Promise<void> {
        await super.apply(fault);
        if (fault.type === 'kill') this.leader = null;
      }
    }
    const { applied, nemesis } = await inject(
      [
        { kind: 'kill-all', steps: [{ afterMs: 0, fault: { type: 'kill', node: 1 } }] },
        { kind: 'isolated-leader', steps: [{ afterMs: 0, fault: { type: 'isolate', leaderOf: 0 } }] },
      ],
      new Mortal(),
    );
    expect(applied.map(({ type }) => type)).toEqual(['isolate', 'kill', 'heal']);
    expect([...nemesis.injected.keys()]).toEqual(['kill-all', 'isolated-leader']);
  });

  it('does not count refused faults, and heals anyway', async () => {
    const control = new Notebook();
    control.refuses = 'ring';
    const { nemesis, applied } = await inject(
      [{ kind: 'ring', steps: [{ afterMs: 0, fault: { type: 'ring' } }] }],
      control,
    );
    expect(nemesis.injected.size).toBe(0);
    expect(nemesis.failures).toEqual(['ring: ring: not here']);
    expect(applied).toEqual([{ type: 'heal' }]);
  });

  it('reports a node that exited by itself before heal restarts it', async () => {
    const control = new Notebook();
    control.dies = true;
    const { nemesis } = await inject([{ kind: 'ring', steps: [{ afterMs: 0, fault: { type: 'ring' } }] }], control);
    expect(nemesis.failures).toEqual(['n1 exited by itself: ended with code 1']);
  });

  it('expects a node to exit when its disk fails', async () => {
    const control = new Notebook();
    Object.assign(control, { dies: true, disk: ['fails'] });
    const steps = [{ afterMs: 0, fault: { type: 'fail-disk', node: 1 } }] as const;
    const more = { complaint: () => Promise.resolve(undefined) };
    const { nemesis } = await inject([{ kind: 'failed-disk', steps }], control, new AbortController().signal, more);
    expect(nemesis.failures).toEqual([]);
  });

  it('waits until all nodes are ready before faults of data folders only', async () => {
    const kinds = [
      [{ kind: 'wiped-disk', steps: [{ afterMs: 0, fault: { type: 'wipe-disk', node: 1 } }] }],
      [{ kind: 'kill-one', steps: [{ afterMs: 0, fault: { type: 'kill', node: 1 } }] }],
    ] as const;
    for (const [faults, asked] of [
      [kinds[0], 3],
      [kinds[1], 0],
    ] as const) {
      let times = 0;
      const complaint = () => Promise.resolve(++times < 3 ? 'in quarantine' : undefined);
      const { applied, nemesis } = await inject(faults, new Notebook(), new AbortController().signal, { complaint });
      expect([applied.length, nemesis.failures, times]).toEqual([2, [], asked]);
    }
  });

  it('skips a fault of data folders, and reports it, if a node does not become ready', async () => {
    const steps = [{ afterMs: 0, fault: { type: 'wipe-disk', node: 1 } }] as const;
    const more = { complaint: () => Promise.resolve('in quarantine'), readyLimitMs: 0 };
    const { signal } = new AbortController();
    const { applied, nemesis } = await inject([{ kind: 'wiped-disk', steps }], new Notebook(), signal, more);
    expect(applied).toEqual([]);
    expect(nemesis.failures).toEqual(['wiped-disk left out after 0 ms: n1 is not ready: in quarantine']);
    expect(nemesis.injected.size).toBe(0);
  });

  it('continues with the next node once the previous one is ready or timed out', async () => {
    const restart = (node: number) => ({ type: 'restart-with', node, settings: { tickMs: 40 } }) as const;
    const steps = [1, 1].map((node) => ({ afterMs: 0, fault: restart(node), untilReady: true }) as const);
    const { signal } = new AbortController();
    for (const [readyAfter, readyLimitMs, looks] of [
      [3, 10_000, 6],
      [Infinity, -1, 2],
    ] as const) {
      const control = new Notebook();
      const seen: number[] = [];
      const complaint = () => {
        const sinceRestart = seen.filter((count) => count === control.applied.length).length;
        seen.push(control.applied.length);
        return Promise.resolve(sinceRestart + 1 < readyAfter ? 'starting' : undefined);
      };
      const more = { complaint, readyLimitMs };
      const { applied, nemesis } = await inject([{ kind: 'rolling-settings', steps }], control, signal, more);
      expect(applied.map(({ type }) => type)).toEqual(['restart-with', 'restart-with', 'heal']);
      expect(seen).toHaveLength(looks);
      expect(seen).toEqual([...seen].sort());
      expect(nemesis.failures).toEqual([]);
    }
  });

  describe('a fault with a symptom', () => {
    const hang = { kind: 'hung-disk', steps: [{ afterMs: 0, fault: { type: 'hang-disk', node: 1 } }] } as const;
    const ring = { kind: 'ring', steps: [{ afterMs: 0, fault: { type: 'ring' } }] } as const;
    const ready = () => Promise.resolve(undefined);
    const hungNodes = (control: Notebook): number[] => {
      const since = control.applied.slice(control.applied.findLastIndex(({ type }) => type === 'heal') + 1);
      return since.flatMap((fault) => (fault.type === 'hang-disk' ? [fault.node] : []));
    };
    /** `bites`: whether the disks of these nodes are seen to hang, when it is looked at for the n-th time. */
    async function injectHang(
      bites: (nodes: readonly number[], look: number) => boolean,
      more: Partial<NemesisOptions> = {},
      faults: Slot['faults'] = [hang],
    ) {
      const control = new Notebook();
      let looks = 0;
      const symptoms = { 'hung-disk': () => Promise.resolve(bites(hungNodes(control), (looks += 1))) };
      const { signal } = new AbortController();
      const options = { symptoms, complaint: ready, patienceMs: 0, ...more };
      const { nemesis, said } = await inject(faults, control, signal, options);
      const done = control.applied.map((fault) => ('node' in fault ? `${fault.type} ${fault.node}` : fault.type));
      return { nemesis, done, said };
    }

    it('that takes effect is not injected again', async () => {
      const { nemesis, done } = await injectHang(() => true, {}, [hang, ring]);
      expect(done).toEqual(['hang-disk 1', 'ring', 'heal']);
      expect(nemesis.harmless).toEqual([]);
    });

    it('goes on until it is seen to take effect', async () => {
      const { nemesis, done } = await injectHang((_, look) => look === 3, { patienceMs: 60_000 });
      expect(done).toEqual(['hang-disk 1', 'heal']);
      expect(nemesis.harmless).toEqual([]);
    });

    it('that did not take effect is injected once more at the end: alone, and wherever something may be written', async () => {
      const { nemesis, done, said } = await injectHang((nodes) => nodes.length === 3, {}, [hang, ring]);
      expect(done).toEqual(['hang-disk 1', 'ring', 'heal', 'hang-disk 1', 'hang-disk 2', 'hang-disk 3', 'heal']);
      expect(nemesis.harmless).toEqual([]);
      expect(nemesis.injected.get('hung-disk')).toBe(2);
      expect(nemesis.windows.map(({ kinds }) => kinds)).toEqual([['hung-disk', 'ring'], ['hung-disk']]);
      expect(said.join('\n')).toContain('hung-disk has not taken effect yet: once more');
    });

    it('that did not take effect then either is harmless', async () => {
      const { nemesis, done } = await injectHang(() => false);
      expect(done.filter((what) => what === 'heal')).toHaveLength(2);
      expect(nemesis.harmless).toEqual(['hung-disk']);
    });

    it('is injected once all nodes are ready, or after a while; the others at once', async () => {
      for (const [faults, readyLimitMs, asked] of [
        [[hang], 60_000, 3],
        [[hang], -1, 1],
        [[ring], 60_000, 0],
      ] as const) {
        let times = 0;
        const complaint = () => Promise.resolve(++times < 3 ? 'starting' : undefined);
        const { nemesis, done } = await injectHang(() => true, { complaint, readyLimitMs }, faults);
        expect([times, done.length, nemesis.failures]).toEqual([asked, 2, []]);
      }
    });

    it('is not given another chance after an abort', async () => {
      const stop = new AbortController();
      const never = (): boolean => {
        stop.abort();
        return false;
      };
      const { done } = await injectHang(never, { signal: stop.signal });
      expect(done).toEqual(['hang-disk 1', 'heal']);
    });
  });

  it('injects nothing after an abort', async () => {
    const stopped = AbortSignal.abort();
    const { applied } = await inject(
      [{ kind: 'ring', steps: [{ afterMs: 0, fault: { type: 'ring' } }] }],
      new Notebook(),
      stopped,
    );
    expect(applied).toEqual([]);
  });
});
