/**
 * Writers that record acknowledged writes. Each has keys of its own and counts up; the value read back later must
 * be the last acknowledged number, or one whose write ended without an answer.
 */
import { http } from './node-group.js';
import { until } from './processes.js';

interface KeyHistory {
  acknowledged: number;
  tried: number;
  /** Tried and not acknowledged: these may have happened, even after a later one that was acknowledged. */
  readonly unknown: Set<number>;
}

export interface Gap {
  readonly key: string;
  /** Longest time between two acknowledged writes of the key, or since the last one. */
  readonly ms: number;
}

export class Load {
  readonly history = new Map<string, KeyHistory>();
  /** Answers by status; 0 stands for broken connections. */
  readonly statuses = new Map<number, number>();
  readonly #urls: () => readonly string[];
  readonly #writers: Promise<void>[] = [];
  readonly #gaps = new Map<string, { last: number; longest: number }>();
  #acknowledged = 0;
  #running = true;

  /** `urls`: where to send requests at the moment; a writer goes to the next after a broken connection. */
  constructor(urls: () => readonly string[], options: { readonly writers: number; readonly keys: number }) {
    this.#urls = urls;
    for (let writer = 0; writer < options.writers; writer++) {
      this.#writers.push(this.#write(writer, options.keys));
    }
  }

  /** Writes acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#writers);
  }

  /** Longest gaps since the last call, longest first. */
  takeGaps(): Gap[] {
    const gaps = [...this.#gaps].map(([key, { longest }]) => ({ key, ms: longest }));
    for (const gap of this.#gaps.values()) gap.longest = 0;
    return gaps.sort((a, b) => b.ms - a.ms);
  }

  /** Acknowledged writes that cannot be read back at `url`; empty if none is lost. */
  async lost(url: string): Promise<string[]> {
    const lost: string[] = [];
    for (const [key, { acknowledged, unknown }] of this.history) {
      const response = await http.get(`${url}/v1/kv/${key}`);
      const value = response.status === 404 ? 0 : Number(response.data);
      const fits = value === acknowledged || unknown.has(value);
      if ((response.status === 200 || response.status === 404) && fits) continue;
      lost.push(`${key}: ${response.status} ${String(response.data)}, last acknowledged ${acknowledged}`);
    }
    return lost;
  }

  async #write(writer: number, keys: number): Promise<void> {
    let turn = writer;
    for (let i = 0; this.#running; i++) {
      const key = `w${writer}-${i % keys}`;
      const history = this.history.get(key) ?? { acknowledged: 0, tried: 0, unknown: new Set<number>() };
      this.history.set(key, history);
      history.tried++;
      const urls = this.#urls();
      const status = await this.#put(`${urls[turn % urls.length] ?? ''}/v1/kv/${key}`, history.tried);
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      if (status === 0) turn++;
      if (status === 200 || status === 201) this.#acknowledge(key, history);
      else history.unknown.add(history.tried);
    }
  }

  async #put(url: string, value: number): Promise<number> {
    try {
      const headers = { 'content-type': 'text/plain', 'kv-timeout': '8s' };
      return (await http.put(url, String(value), { headers })).status;
    } catch {
      // Unknown: it may or may not have been written.
      return 0;
    }
  }

  #acknowledge(key: string, history: KeyHistory): void {
    history.acknowledged = history.tried;
    this.#acknowledged++;
    const now = performance.now();
    const gap = this.#gaps.get(key);
    if (gap === undefined) this.#gaps.set(key, { last: now, longest: 0 });
    else {
      gap.longest = Math.max(gap.longest, now - gap.last);
      gap.last = now;
    }
  }
}

/** Waits until `more` further writes are acknowledged. */
export async function progress(load: Load, more: number): Promise<void> {
  const goal = load.acknowledged + more;
  await until(`${more} more writes are acknowledged`, () => load.acknowledged >= goal);
}
