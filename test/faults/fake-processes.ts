import type { CopyView, ProcessOptions, NodeCopy, NodeProcesses, ProcessView } from '../../src/faults/index.js';

/** Processes that only remember what was done to them. */
export class FakeProcesses implements NodeProcesses {
  readonly done: string[] = [];
  readonly #states = new Map<number, ProcessView['state']>();
  /** Called when a node is dead, before anything else is done to it. */
  whenKilled: (node: number) => void = () => undefined;

  view(node: number): ProcessView {
    const state = this.#states.get(node) ?? 'running';
    return { pid: 100 + node, state, ended: null, killed: state === 'dead', warnings: [] };
  }
  /** The most kills that were under way at the same time. */
  mostDying = 0;
  #dying = 0;

  async kill(node: number): Promise<void> {
    this.mostDying = Math.max(this.mostDying, ++this.#dying);
    // As with a real one, it is gone only later.
    await Promise.resolve();
    this.#dying--;
    this.#become('kill', node, 'dead');
    this.whenKilled(node);
  }
  pause(node: number): void {
    this.#become('pause', node, 'paused');
  }
  resume(node: number): void {
    this.#become('resume', node, 'running');
  }
  start(node: number, options?: ProcessOptions): void {
    this.#become('start', node, 'running', options === undefined ? '' : ` ${JSON.stringify(options)}`);
  }
  strayFolder(node: number): Promise<string> {
    return Promise.resolve(`stray-${node}`);
  }

  startCopy(node: number): NodeCopy {
    let state: CopyView['state'] = 'running';
    this.done.push(`copy ${node}`);
    return {
      get view(): CopyView {
        return { pid: 900 + node, state, ended: null, warnings: [] };
      },
      up: Promise.resolve(),
      kill: () => {
        state = 'dead';
        this.done.push(`kill copy ${node}`);
        return Promise.resolve();
      },
    };
  }

  /** It exits unexpectedly. */
  die(node: number): void {
    this.#states.set(node, 'dead');
  }

  #become(what: string, node: number, state: ProcessView['state'], more = ''): void {
    this.done.push(`${what} ${node}${more}`);
    this.#states.set(node, state);
  }
}
