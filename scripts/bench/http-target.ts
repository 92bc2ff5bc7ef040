/** What is the same for every target that speaks HTTP: scripts of requests, the load, keys put there beforehand. */
import type { HttpLoad, LoadOutcome } from './load.js';
import type { NodeLoad } from './node-load.js';
import { putsOf, scriptOf, type Protocol, type Script } from './request.js';
import type { Data, Row } from './workload.js';

export interface HttpDriver {
  readonly load: HttpLoad;
  /** Puts keys there, and drives at a rate. */
  readonly own: NodeLoad;
  readonly data: Data;
}

const PRELOAD_CLIENTS = 1_000;
/** Each portion opens its connections anew and waits for its last put, so small ones cost a tenth of the time. */
const PRELOAD_AT_ONCE = 50_000;
const SEED = 4;

export class HttpSide {
  readonly #urls: readonly string[];
  readonly #preloadUrls: readonly string[];
  readonly #protocol: Protocol;
  readonly #driver: HttpDriver;
  /** One is formed in some tens of milliseconds, and used in every round. */
  readonly #scripts = new Map<string, Script>();

  /** @param preloadUrls where keys are put beforehand: more doors take them faster */
  constructor(urls: readonly string[], protocol: Protocol, driver: HttpDriver, preloadUrls = urls) {
    this.#urls = urls;
    this.#preloadUrls = preloadUrls;
    this.#protocol = protocol;
    this.#driver = driver;
  }

  drive({ operation, clients }: Row, seconds: number): Promise<LoadOutcome> {
    return this.#driver.load.run({
      urls: this.#urls,
      clients,
      seconds,
      script: begunAnywhere(this.#script(operation)),
    });
  }

  /** @param rate requests in a second, sent when they are due */
  driveAt({ operation, clients }: Row, seconds: number, rate: number): Promise<LoadOutcome> {
    return this.#driver.own.atRate({ urls: this.#urls, clients, seconds, script: this.#script(operation) }, rate);
  }

  /** Puts every key there once, from `first` up. @throws Error if a put fails */
  async preload(first = 0, onProgress: (keys: number) => void = () => undefined): Promise<void> {
    const { own, data } = this.#driver;
    for (let key = first; key < data.keys; key += PRELOAD_AT_ONCE) {
      const end = Math.min(data.keys, key + PRELOAD_AT_ONCE);
      await own.once(this.#preloadUrls, PRELOAD_CLIENTS, putsOf(this.#protocol, key, end, data.valueBytes));
      onProgress(end);
    }
  }

  #script(operation: Row['operation']): Script {
    let script = this.#scripts.get(operation);
    if (script === undefined) {
      script = scriptOf(this.#protocol, operation, this.#driver.data, SEED);
      this.#scripts.set(operation, script);
    }
    return script;
  }
}

/** The same steps from another one on: always from the first on, a short run would ask for the same few keys again. */
function begunAnywhere({ requests, order }: Script): Script {
  const first = Math.floor(Math.random() * order.length);
  return { requests, order: [...order.slice(first), ...order.slice(0, first)] };
}
