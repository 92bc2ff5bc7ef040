/** Two lanes and pieces, over a simulated link of a fixed rate. */
import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/raft/index.js';
import type { LinkLimits } from '../../src/shard/transport/send-queue.js';
import { PieceAssembler, encodePiece, encodeReceipt } from '../../src/shard/transport/pieces.js';
import { SendWindow } from '../../src/shard/transport/send-window.js';
import { TwoLanes } from '../../src/shard/transport/two-lanes.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';

const VERSION = 2;
const MIB = 1024 * 1024;
const LIMITS: LinkLimits = { maxQueueBytes: 32 * MIB, maxFrameBytes: 32 * MIB, splitFrameBytes: 4 * MIB };

const raft = (message: Message): PeerMessage => ({ type: 'raft', group: 1, message });
const ends = { from: 1, to: 2 } as const;
const heartbeat = (readContext: number): PeerMessage =>
  raft({ type: 'heartbeat', ...ends, term: 1, commit: 0, readContext, quiesce: false });
/** An append with one entry of `bytes` data; 0: without entries. */
const append = (prevIndex: number, bytes: number): PeerMessage => {
  const entries = bytes === 0 ? [] : [{ index: prevIndex + 1, term: 1, kind: 1 as const, data: new Uint8Array(bytes) }];
  return raft({ type: 'append', ...ends, term: 1, prevIndex, prevTerm: 1, entries, commit: 0 });
};
const request = (id: number, bytes: number): PeerMessage => ({
  type: 'request',
  id,
  request: {
    shard: 0,
    budgetMs: 1000,
    operation: {
      type: 'put',
      key: new Uint8Array(3),
      body: new Uint8Array(bytes),
      contentType: 'a/b',
      condition: { type: 'none' },
      operationId: new Uint8Array(16),
      attempt: 'initial',
    },
  },
});

/** One direction of a link and its two ends. */
class Link {
  readonly lanes: TwoLanes;
  readonly got: { readonly message: PeerMessage; readonly at: number }[] = [];
  readonly sizes: number[] = [];
  now = 0;
  readonly #window = new SendWindow();
  readonly #arrivals = new PieceAssembler(LIMITS.maxFrameBytes);
  readonly #bytesPerMs: number;
  readonly #delayMs: number;
  #freeAt = 0;
  #events: { readonly at: number; readonly run: () => void }[] = [];

  constructor(bytesPerMs: number, delayMs = 1, limits = LIMITS) {
    this.#bytesPerMs = bytesPerMs;
    this.#delayMs = delayMs;
    this.lanes = new TwoLanes(ends, VERSION, limits, this.#window);
  }

  send(...messages: PeerMessage[]): void {
    for (const message of messages) expect(this.lanes.add(message, 0)).toBe(true);
    this.flush();
  }

  flush(): void {
    this.lanes.take(
      () => this.now,
      (bytes) => {
        this.sizes.push(bytes.length);
        this.#freeAt = Math.max(this.#freeAt, this.now) + bytes.length / this.#bytesPerMs;
        this.#later(this.#freeAt + this.#delayMs, () => {
          this.#arrive(bytes);
        });
      },
    );
  }

  /** Runs what is due within `ms`, and `each` every 50 ms. */
  runMs(ms: number, each: () => void = () => undefined): void {
    const until = this.now + ms;
    for (let at = this.now + 50; at <= until; at += 50) this.#later(at, each);
    for (let next = this.#events[0]; next !== undefined && next.at <= until; next = this.#events[0]) {
      this.#events.shift();
      this.now = next.at;
      next.run();
    }
    this.now = until;
  }

  runUntilGot(count: number): void {
    while (this.got.length < count && this.#events.length > 0) this.runMs(10);
    expect(this.got).toHaveLength(count);
  }

  #arrive(bytes: Uint8Array): void {
    const arrival = this.#arrivals.take(bytes);
    const receipt = this.#arrivals.receipt(() => this.now);
    if (receipt !== undefined) {
      this.#later(this.now + this.#delayMs, () => {
        const total = new PieceAssembler(100).take(receipt) as number;
        expect(this.#window.acknowledged(total, this.now)).toBe(true);
        this.flush();
      });
    }
    if (!(arrival instanceof Uint8Array)) return;
    for (const message of decodeFrame(arrival, VERSION).messages) this.got.push({ message, at: this.now });
  }

  #later(at: number, run: () => void): void {
    this.#events.push({ at, run });
    this.#events.sort((a, b) => a.at - b.at);
  }
}

const contexts = (link: Link) =>
  link.got.flatMap(({ message, at }) =>
    message.type === 'raft' && message.message.type === 'heartbeat' ? [{ sent: message.message.readContext, at }] : [],
  );
const prevIndexes = (link: Link): number[] =>
  link.got.flatMap(({ message }) =>
    message.type === 'raft' && message.message.type === 'append' ? [message.message.prevIndex] : [],
  );

describe('two lanes', () => {
  it.each([
    ['100 kB over 64 kbit/s', 100_000, 8],
    ['100 kB over 128 kbit/s', 100_000, 16],
    ['100 kB over 256 kbit/s', 100_000, 32],
    ['a megabyte over 1 Mbit/s', 1_000_000, 125],
    ['a megabyte over 8 Mbit/s', 1_000_000, 1_000],
    ['16 MiB over 33 Mbit/s', 16 * MIB, 4_125],
    ['16 MiB over 8 Mbit/s', 16 * MIB, 1_000],
  ])('let heartbeats pass: %s', (_, bytes, bytesPerMs) => {
    const link = new Link(bytesPerMs);
    link.send(append(1, bytes));
    link.runMs((1.1 * bytes) / bytesPerMs + 100, () => {
      link.send(heartbeat(Math.round(link.now)));
    });
    const late = contexts(link).map(({ sent, at }) => at - sent);
    expect(late.length).toBeGreaterThan(bytes / bytesPerMs / 60);
    // A heartbeat itself takes 4 ms at 64 kbit/s, and waits for the window, which has a least size.
    expect(Math.max(...late)).toBeLessThan(bytesPerMs < 16 ? 400 : 250);
    expect(prevIndexes(link)).toEqual([1]);
  });

  it('keep appends in order, however small they are', () => {
    const link = new Link(1_000);
    link.send(append(1, 10), append(2, 200_000), append(3, 10));
    link.runMs(50);
    link.send(append(4, 10), request(7, 100), append(4, 0));
    link.runUntilGot(6);
    expect(prevIndexes(link)).toEqual([1, 2, 3, 4, 4]);
    // The small request overtook three appends.
    expect(link.got.findIndex(({ message }) => message.type === 'request')).toBeLessThan(3);
    link.send(append(5, 10));
    link.runUntilGot(7);
  });

  it('send the messages of a turn as one frame while there is no congestion', () => {
    const link = new Link(100_000);
    // The rate of a new link is unknown, so less is sent at first.
    link.send(append(0, 500_000));
    link.runMs(100);
    link.got.length = 0;
    for (let turn = 0; turn < 100; turn++) {
      const before = link.sizes.length;
      link.send(heartbeat(1), append(turn, 1000), request(turn, 3000), append(turn + 1, 0));
      expect(link.sizes.length - before).toBe(1);
      link.runMs(2);
    }
    expect(link.got).toHaveLength(400);
  });

  it('send the same bytes as a link with one lane while there is no congestion', () => {
    const link = new Link(1_000_000);
    const messages = [heartbeat(1), append(1, 1000), request(2, 3000)];
    for (const message of messages) link.lanes.add(message, 0);
    const sent: Uint8Array[] = [];
    link.lanes.take(
      () => 0,
      (bytes) => sent.push(bytes),
    );
    expect(sent).toEqual([encodeFrame({ ...ends, messages }, VERSION)]);
  });

  it('hold small appends back as well, once more is in flight than the link can deliver', () => {
    const link = new Link(1_000);
    for (let at = 0; at < 300; at++) link.send(append(at, 4000));
    link.send(heartbeat(0));
    link.runMs(400);
    expect(contexts(link)[0]?.at).toBeLessThan(250);
    link.runUntilGot(301);
    expect(prevIndexes(link)).toEqual(Array.from({ length: 300 }, (_, index) => index));
  });

  it('use nearly the full rate of a fast link', () => {
    const link = new Link(100_000);
    for (let at = 0; at < 30; at++) link.send(append(at, MIB));
    link.runUntilGot(30);
    expect(link.now).toBeLessThan((1.3 * 30 * MIB) / 100_000);
  });

  it('send no piece longer than 64 KiB, on a slow link shorter ones', () => {
    const fast = new Link(100_000);
    for (let at = 0; at < 20; at++) fast.send(append(at, MIB));
    fast.runUntilGot(20);
    expect(Math.max(...fast.sizes)).toBe(64 * 1024 + 1);
    const slow = new Link(250);
    slow.send(append(1, MIB));
    slow.runMs(2_000);
    expect(slow.sizes.at(-1)).toBeLessThan(16 * 1024);
  });

  it('are bounded separately: there is room for a heartbeat, however much is queued', () => {
    const link = new Link(1, 1, { ...LIMITS, maxQueueBytes: 1_000_000 });
    while (link.lanes.add(append(1, 300_000), 0)) link.flush();
    expect(link.lanes.bytes).toBeGreaterThan(900_000);
    expect(link.lanes.add(append(1, 0), 0)).toBe(false);
    expect(link.lanes.add(heartbeat(1), 0)).toBe(true);
    expect(link.lanes.add(heartbeat(1), 1_000_000)).toBe(false);
  });

  it('report what is queued, and can drop it', () => {
    const link = new Link(1_000);
    link.lanes.add(append(1, 300_000), 0);
    link.lanes.add(append(2, 10), 0);
    link.lanes.add(heartbeat(1), 0);
    expect(link.lanes.messages).toBe(3);
    link.flush();
    expect(link.lanes.messages).toBe(2);
    link.lanes.clear();
    expect([link.lanes.messages, link.lanes.bytes]).toEqual([0, 0]);
    link.flush();
    link.runMs(1_000);
    expect(link.got).toHaveLength(1);
  });

  it('refuse what does not fit a frame', () => {
    const link = new Link(1_000);
    expect(() => link.lanes.add(append(1, 29 * MIB), 0)).toThrow(WireError);
    expect(link.lanes.bytes).toBe(0);
  });
});

describe('pieces', () => {
  const frame = Uint8Array.from({ length: 1000 }, (_, at) => at % 251);

  it('are reassembled, whatever is sent between them', () => {
    const arrivals = new PieceAssembler(1000);
    expect(arrivals.take(encodePiece(frame, 0, 400))).toBeUndefined();
    expect(arrivals.take(Uint8Array.of(VERSION, 1, 2))).toEqual(Uint8Array.of(VERSION, 1, 2));
    expect(arrivals.take(encodeReceipt(7))).toBe(7);
    expect(arrivals.take(encodePiece(frame, 400, 599))).toBeUndefined();
    const whole = arrivals.take(encodePiece(frame, 999, 599));
    expect(whole instanceof Uint8Array && Uint8Array.from(whole)).toEqual(frame);
  });

  it('are acknowledged one by one, whole frames now and then, receipts never', () => {
    const arrivals = new PieceAssembler(100_000);
    const totals: (number | undefined)[] = [];
    let now = 0;
    const take = (bytes: Uint8Array): void => {
      arrivals.take(bytes);
      const receipt = arrivals.receipt(() => now);
      totals.push(receipt && (new PieceAssembler(1).take(receipt) as number));
    };
    take(new Uint8Array(1_000).fill(VERSION));
    take(new Uint8Array(1_500).fill(VERSION));
    take(encodePiece(frame, 0, 100));
    take(encodeReceipt(5));
    take(new Uint8Array(1_000).fill(VERSION));
    expect(totals.splice(0)).toEqual([undefined, 2_500, 2_601, undefined, undefined]);
    // Soon after a receipt only many bytes are worth another; otherwise one is due after 25 ms.
    take(new Uint8Array(80_000).fill(VERSION));
    now = 24;
    take(new Uint8Array(1).fill(VERSION));
    now = 25;
    take(new Uint8Array(1).fill(VERSION));
    take(new Uint8Array(250_000).fill(VERSION));
    take(new Uint8Array(20_000).fill(VERSION));
    expect(totals.splice(0)).toEqual([undefined, undefined, 83_603, undefined, 353_603]);
    // Few bytes are acknowledged even less often.
    now = 174;
    take(new Uint8Array(3_000).fill(VERSION));
    now = 175;
    take(new Uint8Array(1).fill(VERSION));
    now = 400;
    take(new Uint8Array(2_000).fill(VERSION));
    expect(totals).toEqual([undefined, 356_604, undefined]);
  });

  it.each<[string, Uint8Array[]]>([
    ['make a frame longer than any may be', [encodePiece(frame, 0, 600), encodePiece(frame, 0, 600)]],
    ['are empty', [Uint8Array.of(241)]],
    ['end in an empty one', [encodePiece(frame, 0, 600), Uint8Array.of(242)]],
  ])('that %s are refused', (_, messages) => {
    const arrivals = new PieceAssembler(1000);
    expect(() => {
      for (const message of messages) arrivals.take(message);
    }).toThrow(WireError);
  });

  it.each([[Uint8Array.of(240)], [Uint8Array.of(240, 1, 2, 3)], [Uint8Array.of(240, 0, 0, 0, 0, 0, 0, 0)]])(
    'a receipt of another length is refused: %s',
    (message) => {
      expect(() => new PieceAssembler(1000).take(message)).toThrow(WireError);
    },
  );
});
