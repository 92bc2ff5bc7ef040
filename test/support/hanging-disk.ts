import type { Storage } from '../../src/shard/index.js';

/** A storage whose commits wait while it hangs, in order, and all complete when it works again. */
export class HangingDisk {
  #waiting: (() => void)[] = [];
  #hangs = false;

  hang(hangs: boolean): void {
    this.#hangs = hangs;
    if (hangs) return;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  wrap(inner: Storage): Storage {
    return new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        const call = (value as (...args: unknown[]) => unknown).bind(target);
        if (name !== 'commit') return call;
        return async (...args: unknown[]) => {
          if (this.#hangs) await new Promise<void>((resolve) => this.#waiting.push(resolve));
          return call(...args);
        };
      },
    });
  }
}
