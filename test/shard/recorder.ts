/** Owners of a transport that record events and offer promises for them, so that no test has to sleep. */
import type { Logger } from '../../src/shard/runtime.js';
import type { PeerId, PeerMessage, TransportEvents, HelloDecision } from '../../src/shard/transport/transport.js';
import type { LinkRefusal } from '../../src/shard/transport/stats.js';
import type { Hello, HelloExtension } from '../../src/shard/transport/wire-hello.js';

/** Calls that wait for something to become true. */
class Waiters {
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }));
  }

  look(): void {
    const [done, rest] = [this.#waiting.filter((w) => w.holds()), this.#waiting.filter((w) => !w.holds())];
    this.#waiting = rest;
    for (const { resolve } of done) resolve();
  }
}

export class Recorder implements TransportEvents {
  /** One item per frame. */
  readonly frames: { readonly from: PeerId; readonly messages: readonly PeerMessage[] }[] = [];
  /** `+2` = link to 2 up, `-2` = down, in order. */
  readonly linkLog: string[] = [];
  readonly up = new Set<PeerId>();
  /** Peers that refused this process as a duplicate of its node. */
  readonly refusals: PeerId[] = [];
  /** Extension of its own hellos. */
  extension: HelloExtension = {};
  /** Final check of the hellos of others. */
  check: (hello: Hello) => LinkRefusal | undefined = () => undefined;
  /** Validation of the hellos of others before that; may decide later. */
  validate: (hello: Hello, decide: HelloDecision) => void = (_hello, decide) => {
    decide(undefined);
  };
  /** Called with each frame, before pending promises are resolved. */
  react: (from: PeerId, messages: readonly PeerMessage[]) => void = () => undefined;
  readonly #waiters = new Waiters();

  onMessages(from: PeerId, messages: readonly PeerMessage[]): void {
    this.frames.push({ from, messages });
    this.react(from, messages);
    this.#waiters.look();
  }

  onLink(peer: PeerId, up: boolean): void {
    this.linkLog.push(`${up ? '+' : '-'}${peer}`);
    if (up) this.up.add(peer);
    else this.up.delete(peer);
    this.#waiters.look();
  }

  helloTo(): HelloExtension {
    return this.extension;
  }

  validateHello(hello: Hello, decide: HelloDecision): void {
    this.validate(hello, decide);
  }

  finalCheck(hello: Hello): LinkRefusal | undefined {
    return this.check(hello);
  }

  onDuplicate(peer: PeerId): void {
    this.refusals.push(peer);
    this.#waiters.look();
  }

  messagesFrom(peer: PeerId): PeerMessage[] {
    return this.frames.filter((frame) => frame.from === peer).flatMap((frame) => frame.messages);
  }

  linked(...peers: PeerId[]): Promise<void> {
    return this.#waiters.until(() => peers.every((peer) => this.up.has(peer)));
  }

  refusedBy(peer: PeerId): Promise<void> {
    return this.#waiters.until(() => this.refusals.includes(peer));
  }

  unlinked(peer: PeerId): Promise<void> {
    return this.#waiters.until(() => !this.up.has(peer));
  }

  linkEvents(count: number): Promise<void> {
    return this.#waiters.until(() => this.linkLog.length >= count);
  }

  received(from: PeerId, count: number): Promise<void> {
    return this.#waiters.until(() => this.messagesFrom(from).length >= count);
  }
}

export class LogRecorder implements Logger {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] = [];
  readonly #waiters = new Waiters();

  debug = this.#taking('debug');
  info = this.#taking('info');
  warn = this.#taking('warn');
  error = this.#taking('error');

  /** The `count`th line with this message. */
  async line(message: string, count = 1): Promise<{ readonly level: string; readonly fields: object }> {
    const found = () => this.lines.filter((line) => line.message === message);
    await this.#waiters.until(() => found().length >= count);
    return found()[count - 1]!;
  }

  #taking(level: string) {
    return (fields: object, message: string): void => {
      this.lines.push({ level, fields, message });
      this.#waiters.look();
    };
  }
}
