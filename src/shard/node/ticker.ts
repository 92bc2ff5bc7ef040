/** The timers of a node: ticks while a replica is awake, and periodic maintenance always. */
import type { ClusterSettings } from '../cluster/index.js';
import type { Runtime, Timer } from '../runtime.js';

export class Ticker {
  readonly #runtime: Pick<Runtime, 'every'>;
  readonly #settings: ClusterSettings;
  readonly #onTick: () => void;
  readonly #onMaintenance: () => void;
  #tickTimer: Timer | undefined;
  #maintenanceTimer: Timer | undefined;

  constructor(
    runtime: Pick<Runtime, 'every'>,
    settings: ClusterSettings,
    on: { readonly tick: () => void; readonly maintenance: () => void },
  ) {
    this.#runtime = runtime;
    this.#settings = settings;
    this.#onTick = on.tick;
    this.#onMaintenance = on.maintenance;
  }

  /** Starts maintenance; the first one is due at once. */
  startMaintenance(): void {
    const { tickMs, maintenanceTicks } = this.#settings;
    this.#maintenanceTimer?.cancel();
    this.#maintenanceTimer = this.#runtime.every(tickMs * maintenanceTicks, this.#onMaintenance);
    this.#onMaintenance();
  }

  /** Only replicas that are awake need ticks: a node whose groups are all quiet wakes for maintenance only. */
  tickWhile(anyAwake: boolean): void {
    if (anyAwake) {
      this.#tickTimer ??= this.#runtime.every(this.#settings.tickMs, this.#onTick);
    } else {
      this.#tickTimer?.cancel();
      this.#tickTimer = undefined;
    }
  }

  /** Called when the settings have changed. The next tick is a whole interval away, as `Raft.retime` requires. */
  retime(): void {
    this.#tickTimer?.cancel();
    this.#tickTimer = undefined;
    if (this.#maintenanceTimer !== undefined) this.startMaintenance();
  }

  cancel(): void {
    this.#tickTimer?.cancel();
    this.#maintenanceTimer?.cancel();
  }
}
