/**
 * How many bytes may be under way over one link before large messages wait: a window over acknowledgements.
 *
 * What was handed to a socket cannot be overtaken, and a kernel's buffer holds megabytes: on a slow link a heartbeat
 * would wait behind them for seconds. So pieces of large messages are handed over only as fast as the other side says
 * that they arrive, and the window follows the delay that they cause: while a piece takes hardly longer than one that
 * found the link empty, the window doubles with every round trip; when the queue before the link has grown beyond
 * 150 ms, the window becomes what the link delivered in the time that it should have taken. A fast link is not held up
 * (the window grows to 16 MiB), and a link of 8 Mbit/s has 50 to 150 KB under way.
 *
 * What was learned is forgotten after a second without pieces, and the window begins small again. Small messages that come in a
 * steady stream go as they come all the same, as long as no more is under way than the link has lately delivered in 200 ms:
 * pieces cost a receipt each, and copies.
 * The time of an empty link is measured anew every ten seconds, by one piece alone, so that a queue that lasts is not
 * taken for the link. Knows no clock, no socket and no message.
 */
const KIB = 1024;

/**
 * What a link may have under way at least, and before anything is known of it: a quarter of a second of a link of 64 kbit/s.
 * It doubles with every round trip where more can be borne.
 */
const MIN_WINDOW_BYTES = 2 * KIB;
const MAX_WINDOW_BYTES = 16 * KIB * KIB;
/** As much again as the other side may have got without acknowledging it (`pieces.ts`). */
const MIN_STREAM_BYTES = 4 * KIB;
/** So much may be under way of what the link delivers; more than the longest time between two receipts (`pieces.ts`). */
const STREAM_MS = 200;
/** Of that, no more than this: the link may have become narrow since. */
const MAX_STREAM_BYTES = 64 * KIB;
/** The shortest time over which it is counted what the link delivers: receipts may come in a bunch. */
const RATE_MS = 25;
/** Longest queue before the link, in time. */
const MAX_QUEUE_MS = 150;
/** … and one that is no sign of a slow link: turns of the event loops on both sides make as much under load. */
const GOOD_QUEUE_MS = 50;
const MEASURE_EVERY_MS = 10_000;
/** After so long without a piece what was known of the link is forgotten: it may carry little now, as a new one may. */
const IDLE_MS = 1_000;

const MIN_PIECE_BYTES = KIB / 2;
const MAX_PIECE_BYTES = 64 * KIB;
const PIECES_PER_WINDOW = 4;

/** A piece under way. */
interface PieceInFlight {
  /** Of all bytes that were sent over the link, so many had been with this piece. */
  readonly end: number;
  readonly at: number;
  /** Bytes under way when it left, its own included. */
  readonly inFlight: number;
  /** No other piece was. */
  readonly alone: boolean;
}

export class SendWindow {
  #sent: number;
  #acknowledged: number;
  #window = MIN_WINDOW_BYTES;
  #pieces: PieceInFlight[] = [];
  /** How long a piece takes that finds the link empty, and when that was last seen. */
  #baseDelayMs = Infinity;
  #measuredAt = 0;
  readonly #measureEveryMs: number;
  /** When a piece was last acknowledged. */
  #learnedAt = -Infinity;
  /** Bytes in a millisecond that were acknowledged lately; those since, and since when. */
  #rate = 0;
  #delivered = 0;
  #ratedAt = -Infinity;
  /** Something had to wait for room since the last acknowledgement. */
  #wasLimited = false;
  /** What left before this does not shrink the window once more. */
  #shrunkAt = 0;

  /** @param before bytes that were sent and acknowledged already */
  constructor(before = 0, measureEveryMs = MEASURE_EVERY_MS) {
    this.#sent = before;
    this.#acknowledged = before;
    this.#measureEveryMs = measureEveryMs;
  }

  /** Bytes that were sent and not yet acknowledged. */
  get inFlight(): number {
    return this.#sent - this.#acknowledged;
  }

  /** Bytes of the next piece: small enough that what is urgent gets its turn soon. */
  pieceBytes(now: number): number {
    if (this.#pieces.length === 0 && now - this.#learnedAt > IDLE_MS) this.#window = MIN_WINDOW_BYTES;
    return Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, Math.floor(this.#window / PIECES_PER_WINDOW)));
  }

  /** May small messages, `bytes` of them, still leave as they come? */
  hasRoomForSmall(bytes: number): boolean {
    const stream = Math.min(MAX_STREAM_BYTES, this.#rate * STREAM_MS);
    const fits = this.inFlight + bytes <= Math.max(this.#window, MIN_STREAM_BYTES, stream);
    if (!fits) this.#wasLimited = true;
    return fits;
  }

  /** May a piece of `bytes` leave now? One may always be under way. */
  hasRoom(bytes: number, now: number): boolean {
    if (this.#pieces.length === 0) return true;
    const isStale = now - this.#measuredAt > this.#measureEveryMs;
    const fits = !isStale && this.inFlight + bytes <= this.#window;
    if (!fits) this.#wasLimited = true;
    return fits;
  }

  /** Bytes that are not a piece leave. */
  sent(bytes: number): void {
    this.#sent += bytes;
  }

  sentPiece(bytes: number, now: number): void {
    const alone = this.#pieces.length === 0;
    this.#sent += bytes;
    this.#pieces.push({ end: this.#sent, at: now, inFlight: this.inFlight, alone });
  }

  /**
   * The other side has got `total` bytes since the link was made.
   * @returns false if there were not so many: what it says is not true
   */
  acknowledged(total: number, now: number): boolean {
    if (total > this.#sent || total < this.#acknowledged) return false;
    const news = total - this.#acknowledged;
    this.#acknowledged = total;
    this.#rateOf(news, now);
    let arrived = 0;
    while ((this.#pieces[arrived]?.end ?? Infinity) <= total) arrived++;
    const latest = this.#pieces[arrived - 1];
    if (latest === undefined) return true;
    this.#pieces.splice(0, arrived);
    this.#learn(latest, news, now);
    this.#wasLimited = false;
    return true;
  }

  /** Rises at once and falls by quarters, so that a pause in the stream does not count for much; a long one does. */
  #rateOf(news: number, now: number): void {
    this.#delivered += news;
    const tookMs = now - this.#ratedAt;
    if (tookMs < RATE_MS) return;
    const latest = this.#delivered / tookMs;
    this.#rate = tookMs > IDLE_MS ? latest : Math.max(latest, (3 * this.#rate + latest) / 4);
    this.#delivered = 0;
    this.#ratedAt = now;
  }

  #learn({ at, inFlight, alone, end }: PieceInFlight, news: number, now: number): void {
    this.#learnedAt = now;
    const tookMs = now - at;
    const isStale = now - this.#measuredAt > this.#measureEveryMs;
    if (tookMs <= this.#baseDelayMs || (alone && isStale)) {
      this.#baseDelayMs = tookMs;
      this.#measuredAt = now;
    }
    const queueMs = tookMs - this.#baseDelayMs;
    if (queueMs > MAX_QUEUE_MS && end > this.#shrunkAt) {
      const bytesPerMs = inFlight / tookMs;
      this.#window = Math.max(
        MIN_WINDOW_BYTES,
        Math.min(this.#window, bytesPerMs * (this.#baseDelayMs + GOOD_QUEUE_MS)),
      );
      this.#shrunkAt = this.#sent;
    } else if (queueMs < GOOD_QUEUE_MS && this.#wasLimited) {
      this.#window = Math.min(MAX_WINDOW_BYTES, this.#window + news);
    }
  }
}
