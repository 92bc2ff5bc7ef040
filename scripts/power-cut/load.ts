/**
 * Clients that write to a cluster over HTTP and record what is acknowledged; and the check that reads it back.
 *
 * Each client has keys of its own and one write in flight. Most writes create new keys, so that each acknowledged one
 * is checked by itself; the others overwrite or delete keys of earlier writes.
 */
import { Pool } from 'undici';
import type { Random } from '../../src/random.js';
import { type Loss, type Promises, type Value } from './promises.js';
import { labelIn, labelOf, textOf } from './values.js';

const NEW_KEY_SHARE = 0.75;
const DELETE_SHARE = 0.4;
const LARGEST_VALUE_BYTES = 4096;
const ANSWER_LIMIT_MS = 15_000;
const READERS = 32;
const READ_TRIES = 20;

export class Load {
  readonly #promises: Promises;
  readonly #random: Random;
  readonly #pools: readonly Pool[];
  readonly #clients: Promise<void>[];
  readonly #progress = new Set<() => void>();
  #running = true;

  /** @param round distinguishes its keys and values from those of earlier rounds */
  constructor(urls: readonly string[], promises: Promises, random: Random, round: number, clients: number) {
    this.#promises = promises;
    this.#random = random;
    this.#pools = urls.map((url) => new Pool(url, { connections: clients, headersTimeout: ANSWER_LIMIT_MS }));
    this.#clients = Array.from({ length: clients }, (_, client) => this.#write(`r${round}c${client}`, client));
  }

  /** Settles when this many writes are acknowledged in all. @throws Error after `limitMs` */
  acknowledged(goal: number, limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#promises.acknowledged < goal) return;
        finish();
        resolve();
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`${this.#promises.acknowledged} of ${goal} writes acknowledged within ${limitMs} ms`));
      }, limitMs);
      const finish = () => {
        clearTimeout(timer);
        this.#progress.delete(look);
      };
      this.#progress.add(look);
      look();
    });
  }

  /** Starts no further write; those in flight go on. */
  halt(): void {
    this.#running = false;
  }

  /** Gives up the writes in flight; their outcome stays unknown. */
  async stop(): Promise<void> {
    this.halt();
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
    await Promise.all(this.#clients);
  }

  async #write(name: string, turn: number): Promise<void> {
    const own: string[] = [];
    for (let i = 0; this.#running; i++) {
      const earlier = own.length === 0 || this.#random.chance(NEW_KEY_SHARE) ? undefined : this.#random.pick(own);
      const key = earlier ?? `${name}-${i}`;
      if (earlier === undefined) own.push(key);
      if (this.#promises.isOutcomeUnknown(key)) continue;
      const remove = earlier !== undefined && this.#random.chance(DELETE_SHARE);
      const bytes = this.#random.integer(16, LARGEST_VALUE_BYTES);
      await this.#send(turn++, key, remove ? undefined : labelOf(`${name}-${i}`, bytes));
    }
  }

  async #send(turn: number, key: string, value: Value): Promise<void> {
    const pool = this.#pools[turn % this.#pools.length];
    if (pool === undefined) throw new Error('no node to write to');
    this.#promises.begin(key, value);
    try {
      const { statusCode, body } = await pool.request({
        path: `/v1/kv/${key}`,
        method: value === undefined ? 'DELETE' : 'PUT',
        ...(value === undefined ? {} : { body: textOf(value), headers: { 'content-type': 'text/plain' } }),
      });
      const text = await body.text();
      if (statusCode === 200 || statusCode === 201) this.#promises.acknowledge(key, value);
      else if (text.includes('"outcome":"not_applied"')) this.#promises.refuse(key, value);
    } catch {
      // No answer: it may have been applied; its outcome stays unknown.
    }
    for (const look of [...this.#progress]) look();
  }
}

/**
 * Reads every key back and returns the broken promises.
 * @throws Error when a key gets no answer: then nothing is known.
 */
export async function brokenPromises(urls: readonly string[], promises: Promises): Promise<Loss[]> {
  const pools = urls.map((url) => new Pool(url, { connections: READERS, headersTimeout: ANSWER_LIMIT_MS }));
  const keys = promises.keys;
  const losses: Loss[] = [];
  let next = 0;
  const read = async (): Promise<void> => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
      const loss = promises.judge(key, await valueOf(key, pools));
      if (loss !== undefined) losses.push(loss);
    }
  };
  try {
    await Promise.all(Array.from({ length: READERS }, read));
  } finally {
    await Promise.all(pools.map((pool) => pool.destroy()));
  }
  return losses;
}

/** The linearizable value: from any node, and from the next one if it cannot answer now. */
async function valueOf(key: string, pools: readonly Pool[]): Promise<Value> {
  let last = '';
  for (let attempt = 0; attempt < READ_TRIES; attempt++) {
    const pool = pools[attempt % pools.length];
    try {
      const answer = await pool?.request({ path: `/v1/kv/${key}`, method: 'GET' });
      const text = (await answer?.body.text()) ?? '';
      if (answer?.statusCode === 200) return labelIn(text);
      if (answer?.statusCode === 404 && text.includes('"key-not-found"')) return undefined;
      last = `${answer?.statusCode ?? ''} ${text}`;
    } catch (error) {
      last = String(error);
    }
  }
  throw new Error(`${key} cannot be read: ${last}`);
}
