/**
 * Carries out a plan of faults on a scene, and records when each was active.
 *
 * Always ends with everything healed, also when it is stopped early or a fault could not be injected.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Fault, FaultControl, FaultStatus } from '../../src/faults/index.js';
import type { FaultKind } from './kinds.js';
import { complaintOf, unreadyNodes } from './readiness.js';
import { SYMPTOMS, type Symptom } from './symptoms.js';
import { needsAll, type LeaderFault, type Slot, type Step } from './schedule.js';
import { surest } from './steps.js';
import { formatAnyFault, formatSlot } from './format-fault.js';
import { messageOf } from '../../src/thrown.js';

/** A fault was active from `start` to `end`, in nanoseconds on the history's clock. */
export interface FaultWindow {
  readonly kinds: readonly FaultKind[];
  readonly start: number;
  readonly end: number;
}

export interface NemesisOptions {
  readonly control: FaultControl;
  readonly nodes: number;
  readonly shards: number;
  /** Nanoseconds on the history's clock. */
  readonly now: () => number;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
  /** How to see that a kind of fault has taken effect. Default: `SYMPTOMS`. */
  readonly symptoms?: Readonly<Partial<Record<FaultKind, Symptom>>>;
  /** What keeps a node from being ready. Default: asks the node. */
  readonly complaint?: typeof complaintOf;
  /** How long the nodes may take to be ready. */
  readonly readyLimitMs?: number;
  /** How much longer a slot lasts at most, until the symptoms of its faults were seen. */
  readonly patienceMs?: number;
}

/** A shard may have no leader for a while after another fault. */
const LEADER_LIMIT_MS = 5_000;
/** On a loaded machine nodes take seconds to start. Without waiting, all would be killed again before they serve. */
const UP_LIMIT_MS = 30_000;
/** For a node that was restarted in its turn: one that is cut off from the others would never be ready. */
const TURN_LIMIT_MS = 5_000;
/**
 * A short slot can end before its fault shows: a disk counts as hung only after an election timeout, which an earlier
 * fault may have made longer, and only where something is written.
 */
const PATIENCE_MS = 10_000;
const LOOK_PAUSE_MS = 100;

/** The shard has no leader at the moment: not a failure, but no fault was injected either. */
class NoLeader extends Error {
  override readonly name = 'NoLeader';
}

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly windows: FaultWindow[] = [];
  /** How often each kind was injected. */
  readonly injected = new Map<FaultKind, number>();
  /** Kinds that have a symptom, and showed it. */
  readonly bitten = new Set<FaultKind>();
  /** What could not be done, one line each. */
  readonly failures: string[] = [];

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  async run(slots: readonly Slot[]): Promise<void> {
    const { signal, say } = this.#options;
    let startedAt = performance.now();
    for (const slot of slots) {
      if (!(await waitUntil(startedAt + slot.atMs, signal))) return;
      // The plan keeps its order and its intervals; on a slow machine it is delayed.
      await this.#untilUp();
      startedAt = Math.max(startedAt, performance.now() - slot.atMs);
      if (signal.aborted) return;
      say(formatSlot(slot));
      const kinds = slot.faults.map(({ kind }) => kind);
      if (needsAll(kinds) ? await this.#areAllWell(kinds) : await this.#areMostlyWell(kinds)) await this.#inject(slot);
    }
    await this.#giveLastChances(slots);
  }

  /** What was injected and never took effect is injected once more, alone and where it takes effect most surely. */
  async #giveLastChances(slots: readonly Slot[]): Promise<void> {
    const { signal, say, nodes } = this.#options;
    for (const kind of this.harmless) {
      const last = slots.findLast(({ faults }) => faults.some((fault) => fault.kind === kind));
      const planned = last?.faults.find((fault) => fault.kind === kind);
      if (last === undefined || planned === undefined) continue;
      await this.#untilUp();
      if (signal.aborted) return;
      const slot = { ...last, faults: [surest(planned, nodes)] };
      say(`         ${kind} has not taken effect yet: once more`);
      say(formatSlot(slot));
      if (await this.#areAllWell([kind])) await this.#inject(slot);
    }
  }

  /** Ends all faults. @throws if the control fails to */
  heal(): Promise<void> {
    return this.#options.control.apply({ type: 'heal' });
  }

  async #inject(slot: Slot): Promise<void> {
    const { signal, now, patienceMs = PATIENCE_MS } = this.#options;
    // The time that it takes to inject a fault (to copy a folder, to start a node) does not count as time under it.
    let slotStartedAt = performance.now();
    const start = now();
    const steps = slot.faults.flatMap(({ kind, steps: own }) => own.map((step) => ({ kind, step })));
    const failed = new Set<FaultKind>();
    for (const { kind, step } of steps.sort((a, b) => turnOf(a.step) - turnOf(b.step))) {
      if (!(await waitUntil(slotStartedAt + step.afterMs, signal))) break;
      const askedAt = performance.now();
      if (!(await this.#apply(kind, step))) failed.add(kind);
      slotStartedAt += performance.now() - askedAt;
    }
    const over = slotStartedAt + slot.lastsMs;
    const kinds = slot.faults.map(({ kind }) => kind).filter((kind) => !failed.has(kind));
    await Promise.all([waitUntil(over, signal), ...kinds.map((kind) => this.#watch(kind, over + patienceMs))]);
    const end = now();
    await this.#lookForDead();
    await this.heal();
    this.windows.push({ kinds, start, end });
    for (const kind of kinds) this.injected.set(kind, (this.injected.get(kind) ?? 0) + 1);
  }

  /** Checks for the symptom of what was injected, until it is seen, or until `giveUpAt`. */
  async #watch(kind: FaultKind, giveUpAt: number): Promise<void> {
    const { control, signal, symptoms = SYMPTOMS } = this.#options;
    const symptom = symptoms[kind];
    if (symptom === undefined || this.bitten.has(kind)) return;
    for (;;) {
      if (await symptom(await control.status())) {
        this.bitten.add(kind);
        return;
      }
      if (!(await waitUntil(Math.min(giveUpAt, performance.now() + LOOK_PAUSE_MS), signal))) return;
      if (performance.now() >= giveUpAt) return;
    }
  }

  /** It has a symptom, which no slot has shown yet. */
  #isUnseen(kind: FaultKind): boolean {
    const { symptoms = SYMPTOMS } = this.#options;
    return symptoms[kind] !== undefined && !this.bitten.has(kind);
  }

  /** Kinds that were injected, have a symptom, and never showed it. */
  get harmless(): FaultKind[] {
    return [...this.injected.keys()].filter((kind) => this.#isUnseen(kind));
  }

  /**
   * Waits until every node runs and every shard has a leader, or until the limit; the end of the run will show that.
   */
  async #untilUp(): Promise<void> {
    const { control, shards, signal } = this.#options;
    const giveUpAt = performance.now() + UP_LIMIT_MS;
    while (performance.now() < giveUpAt && !signal.aborted) {
      const status = await control.status();
      const led = Array.from({ length: shards }, (_, shard) => leaderOf(status, shard));
      if (led.every((leader) => leader !== undefined) && status.nodes.every(({ state }) => state === 'running')) return;
      await pause(LOOK_PAUSE_MS);
    }
  }

  /**
   * A node that has just been restarted, or is not linked yet, writes nothing: what is done to it may not show. So before
   * a fault whose symptom is still to be seen, the nodes get some time to be ready. @returns false if the run was stopped
   */
  async #areMostlyWell(kinds: readonly FaultKind[]): Promise<boolean> {
    const { control, signal, complaint = complaintOf, readyLimitMs = TURN_LIMIT_MS } = this.#options;
    if (kinds.some((kind) => this.#isUnseen(kind))) {
      await unreadyNodes(control, Math.min(readyLimitMs, TURN_LIMIT_MS), { complaint, signal });
    }
    return !signal.aborted;
  }

  /** False if a node is down, in quarantine, or finds a shard unavailable: one more lost folder might be too many. */
  async #areAllWell(kinds: readonly FaultKind[]): Promise<boolean> {
    const { control, signal, say, complaint = complaintOf, readyLimitMs = UP_LIMIT_MS } = this.#options;
    const wrong = await unreadyNodes(control, readyLimitMs, { complaint, signal });
    if (wrong.length === 0 || signal.aborted) return wrong.length === 0;
    const why = `${kinds.join(' and ')} left out after ${readyLimitMs} ms: ${wrong.join(', ')}`;
    say(`         ${why}`);
    this.failures.push(why);
    return false;
  }

  /** The heal would restart a node that has crashed, and the crash would go unnoticed. */
  async #lookForDead(): Promise<void> {
    const { nodes } = await this.#options.control.status();
    for (const { name, state, killed, ended, disk = [] } of nodes) {
      // A node whose disk fails is expected to exit.
      if (state === 'dead' && !killed && !disk.includes('fails'))
        this.failures.push(`${name} exited by itself: ${ended ?? 'cause unknown'}`);
    }
  }

  async #apply(kind: FaultKind, { fault, untilReady = false }: Step): Promise<boolean> {
    const { control, signal, complaint = complaintOf, readyLimitMs = TURN_LIMIT_MS } = this.#options;
    try {
      for (const concrete of 'leaderOf' in fault ? await this.#ofLeader(fault) : [fault]) await control.apply(concrete);
      if (untilReady && 'node' in fault) {
        await unreadyNodes(control, Math.min(readyLimitMs, TURN_LIMIT_MS), { complaint, signal, only: fault.node });
      }
      return true;
    } catch (error) {
      const why = `${kind}: ${formatAnyFault(fault)}: ${messageOf(error)}`;
      this.#options.say(`         not injected: ${why}`);
      if (!(error instanceof NoLeader)) this.failures.push(why);
      return false;
    }
  }

  async #ofLeader({ type, leaderOf }: LeaderFault): Promise<Fault[]> {
    const { nodes, say } = this.#options;
    const node = await this.#leader(leaderOf);
    say(`         node ${node} leads shard ${leaderOf}`);
    const others = Array.from({ length: nodes }, (_, index) => index + 1).filter((other) => other !== node);
    switch (type) {
      case 'isolate':
      case 'kill':
      case 'pause':
        return [{ type, node }];
      case 'deafen':
        return others.map((other) => ({ type: 'cut', from: other, to: node }));
      case 'mute':
        return others.map((other) => ({ type: 'cut', from: node, to: other }));
    }
  }

  async #leader(shard: number): Promise<number> {
    const { control, signal } = this.#options;
    const giveUpAt = performance.now() + LEADER_LIMIT_MS;
    while (performance.now() < giveUpAt && !signal.aborted) {
      const leader = leaderOf(await control.status(), shard);
      if (leader !== undefined) return leader;
      await pause(LOOK_PAUSE_MS);
    }
    throw new NoLeader(`shard ${shard} has no leader`);
  }
}

/** Of the steps due at one moment, those against a leader come first: the others may leave no leader. */
const turnOf = ({ afterMs, fault }: Step): number => ('leaderOf' in fault ? afterMs : afterMs + 0.5);

const leaderOf = (status: FaultStatus, shard: number): number | undefined =>
  status.shards.find((view) => view.shard === shard)?.leader ?? undefined;

/** False if the run was stopped first. */
async function waitUntil(at: number, signal: AbortSignal): Promise<boolean> {
  const ms = at - performance.now();
  if (ms > 0 && !signal.aborted) await pause(ms, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
