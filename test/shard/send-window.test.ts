/** The send window of a link, over simulated links: a rate, a delay and an unbounded queue. */
import { describe, expect, it } from 'vitest';
import { SendWindow } from '../../src/shard/transport/send-window.js';

interface LinkOptions {
  readonly bytesPerMs: number;
  readonly delayMs: number;
}

/** Sends pieces as the window allows; every piece is acknowledged as it arrives. */
class Sender {
  readonly window = new SendWindow();
  link: LinkOptions;
  now = 0;
  delivered = 0;
  /** Queueing delay of the latest piece. */
  queueMs = 0;
  longestQueueMs = 0;
  #freeAt = 0;
  #arrivals: { readonly at: number; readonly total: number }[] = [];
  #sent = 0;

  constructor(link: LinkOptions) {
    this.link = link;
  }

  /** Sends `bytes` of small messages, whose delay is not measured. */
  sendSmall(bytes: number): void {
    this.window.sent(bytes);
    this.#carry(bytes, false);
  }

  runMs(ms: number): this {
    const until = this.now + ms;
    while (this.now < until) {
      while (this.window.hasRoom(this.window.pieceBytes(this.now), this.now)) {
        const bytes = this.window.pieceBytes(this.now);
        this.window.sentPiece(bytes, this.now);
        this.#carry(bytes, true);
      }
      const next = this.#arrivals.shift();
      if (next === undefined) throw new Error('nothing is under way, and nothing may leave');
      this.now = next.at;
      this.delivered = next.total;
      expect(this.window.acknowledged(next.total, this.now)).toBe(true);
    }
    return this;
  }

  /** Pauses sending for `ms`; what is in flight arrives. */
  pause(ms: number): void {
    for (const { at, total } of this.#arrivals.splice(0)) {
      this.now = at;
      expect(this.window.acknowledged(total, at)).toBe(true);
    }
    this.now += ms;
  }

  #carry(bytes: number, acknowledges: boolean): void {
    this.queueMs = Math.max(0, this.#freeAt - this.now);
    this.longestQueueMs = Math.max(this.longestQueueMs, this.queueMs);
    this.#freeAt = Math.max(this.#freeAt, this.now) + bytes / this.link.bytesPerMs;
    this.#sent += bytes;
    if (acknowledges) this.#arrivals.push({ at: this.#freeAt + this.link.delayMs, total: this.#sent });
  }
}

const MBIT_8 = { bytesPerMs: 1000, delayMs: 1 };

describe('the window of a link', () => {
  it('keeps the queue of a slow link short, and the link busy', () => {
    const sender = new Sender(MBIT_8).runMs(60_000);
    expect(sender.longestQueueMs).toBeLessThan(250);
    expect(sender.delivered).toBeGreaterThan(0.97 * 1000 * 60_000);
  });

  it.each([
    [8, 350],
    [16, 250],
    [32, 250],
    [64, 250],
  ])('from the first byte on, at %d bytes a millisecond', (bytesPerMs, mostMs) => {
    const sender = new Sender({ bytesPerMs, delayMs: 5 }).runMs(60_000);
    expect(sender.longestQueueMs).toBeLessThan(mostMs);
    expect(sender.delivered).toBeGreaterThan(0.9 * bytesPerMs * 60_000);
  });

  it.each([125, 250, 4_000])('also at %d bytes a millisecond', (bytesPerMs) => {
    const sender = new Sender({ bytesPerMs, delayMs: 5 }).runMs(2_000);
    sender.longestQueueMs = 0;
    const before = sender.delivered;
    sender.runMs(40_000);
    expect(sender.longestQueueMs).toBeLessThan(250);
    expect(sender.delivered - before).toBeGreaterThan(0.9 * bytesPerMs * 40_000);
  });

  it.each([
    [500_000, 0.5],
    [125_000, 20],
    [12_500, 100],
  ])('does not hold up a link of %d bytes and %d ms', (bytesPerMs, delayMs) => {
    const sender = new Sender({ bytesPerMs, delayMs }).runMs(3_000);
    const before = sender.delivered;
    sender.runMs(1_000);
    const bound = (16 * 1024 * 1024) / delayMs;
    expect(sender.delivered - before).toBeGreaterThan(0.8 * Math.min(bytesPerMs, bound) * 1_000);
  });

  it('follows a link that becomes slow, and one that becomes fast again', () => {
    const sender = new Sender({ bytesPerMs: 100_000, delayMs: 1 }).runMs(1_000);
    sender.link = MBIT_8;
    sender.runMs(10_000);
    sender.longestQueueMs = 0;
    sender.runMs(30_000);
    expect(sender.longestQueueMs).toBeLessThan(250);
    sender.link = { bytesPerMs: 100_000, delayMs: 1 };
    sender.runMs(2_000);
    const before = sender.delivered;
    sender.runMs(1_000);
    expect(sender.delivered - before).toBeGreaterThan(0.8 * 100_000 * 1_000);
  });

  it('starts small again after a pause, because the link may have become slower', () => {
    const sender = new Sender({ bytesPerMs: 100_000, delayMs: 1 }).runMs(1_000);
    sender.pause(1_100);
    sender.link = { bytesPerMs: 8, delayMs: 5 };
    sender.longestQueueMs = 0;
    sender.runMs(10_000);
    expect(sender.longestQueueMs).toBeLessThan(350);
  });

  it('does not mistake a higher round-trip time for a queue', () => {
    const sender = new Sender({ bytesPerMs: 10_000, delayMs: 1 }).runMs(1_000);
    sender.link = { bytesPerMs: 10_000, delayMs: 300 };
    sender.runMs(30_000);
    const before = sender.delivered;
    sender.runMs(5_000);
    expect(sender.delivered - before).toBeGreaterThan(0.7 * 10_000 * 5_000);
  });

  it('always admits one piece, whatever else is in flight', () => {
    const sender = new Sender(MBIT_8).runMs(5_000);
    sender.sendSmall(1_000_000);
    const before = sender.delivered;
    sender.runMs(3_000);
    expect(sender.delivered).toBeGreaterThan(before);
  });

  it('reports when small messages should be held back as well', () => {
    const window = new SendWindow();
    expect(window.hasRoomForSmall(4 * 1024)).toBe(true);
    window.sent(3 * 1024);
    expect(window.hasRoomForSmall(2 * 1024)).toBe(false);
    window.acknowledged(3 * 1024, 5);
    expect(window.hasRoomForSmall(2 * 1024)).toBe(true);
  });

  it('grows for small messages that were held back, although there was room for a piece', () => {
    const window = new SendWindow();
    let total = 0;
    for (let turn = 0; turn < 10; turn++) {
      window.sent(4_000);
      total += 4_000;
      if (!window.hasRoomForSmall(500)) {
        expect(window.hasRoom(500, turn)).toBe(true);
        window.sentPiece(500, turn);
        total += 500;
      }
      expect(window.acknowledged(total, turn + 0.5)).toBe(true);
    }
    window.sent(4_000);
    expect(window.hasRoomForSmall(500)).toBe(true);
  });

  /** Sends `perMs` bytes in every millisecond in which there is room, over a link with receipts every 25 ms. */
  class Stream {
    readonly #window = new SendWindow();
    #now = 0;
    #sent = 0;
    #arrived = 0;

    /** `late`: milliseconds without room; `most`: the maximum in flight in the last second. */
    run(ms: number, perMs: number, linkPerMs: number): { late: number; most: number } {
      const end = this.#now + ms;
      let late = 0;
      let most = 0;
      for (; this.#now < end; this.#now++) {
        if (this.#window.hasRoomForSmall(perMs)) {
          this.#window.sent(perMs);
          this.#sent += perMs;
        } else late++;
        this.#arrived = Math.min(this.#sent, this.#arrived + linkPerMs);
        if (end - this.#now <= 1_000) most = Math.max(most, this.#window.inFlight);
        if (this.#now % 25 === 0) expect(this.#window.acknowledged(this.#arrived, this.#now)).toBe(true);
      }
      return { late, most };
    }
  }

  it('a steady stream of small messages is not delayed once receipts have shown the rate of the link', () => {
    const stream = new Stream();
    expect(stream.run(500, 1_300, 100_000).late).toBeGreaterThan(0);
    expect(stream.run(5_000, 1_300, 100_000).late).toBe(0);
  });

  it('a stream beyond the rate of the link has little in flight, even after the rate has dropped', () => {
    const stream = new Stream();
    expect(stream.run(5_000, 100, 8).most).toBeLessThan(5_000);
    stream.run(5_000, 1_300, 100_000);
    expect(stream.run(100, 1_300, 8).most).toBeLessThan(66_000);
    expect(stream.run(10_000, 1_300, 8).most).toBeLessThan(5_000);
  });

  it('rejects an acknowledgement of bytes that were not sent, or of fewer than before', () => {
    const window = new SendWindow();
    window.sent(100);
    expect(window.acknowledged(101, 1)).toBe(false);
    expect(window.acknowledged(100, 1)).toBe(true);
    expect(window.acknowledged(99, 1)).toBe(false);
    expect(window.inFlight).toBe(0);
  });
});
