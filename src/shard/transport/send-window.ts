/**
 * How many bytes may be in flight over one link before large messages wait: a delay-based congestion window.
 *
 * Bytes in the socket cannot be overtaken, and a kernel's buffer holds megabytes: on a slow link a heartbeat would wait
 * behind them for seconds. So pieces of large messages are sent only as fast as the peer acknowledges them, and the
 * window follows the delay that they cause: while a piece takes hardly longer than one on an empty link, the window
 * doubles with every round trip; when the queue before the link exceeds 150 ms, the window is set to what the link
 * delivered in the time that it should have taken. A fast link is not limited (the window grows to 16 MiB), and a link
 * of 8 Mbit/s has 50 to 150 KB in flight.
 *
 * After a second without pieces the window is reset to its minimum. A steady stream of small messages is still sent
 * directly, as long as no more is in flight than the link has recently delivered in 200 ms, because pieces cost a
 * receipt each, and copies. The delay of an empty link is measured again every ten seconds, with a single piece in
 * flight, so that a lasting queue is not mistaken for the link's delay.
 */
const KIB = 1024;

/**
 * The smallest window, and the first one of a link: a quarter of a second at 64 kbit/s. It doubles with every round
 * trip while the delay stays low.
 */
const MIN_WINDOW_BYTES = 2 * KIB;
const MAX_WINDOW_BYTES = 16 * KIB * KIB;
/** Twice what the other side may have received without acknowledging it (`pieces.ts`). */
const MIN_STREAM_BYTES = 4 * KIB;
/**
 * A stream may have in flight what the link delivers in this time; longer than any interval of receipts (`pieces.ts`).
 */
const STREAM_MS = 200;
/** Bound of a stream's bytes in flight: the link may have become slower since. */
const MAX_STREAM_BYTES = 64 * KIB;
/** Shortest interval over which the delivery rate is measured: receipts may come in bursts. */
const RATE_MS = 25;
/** Longest queue before the link, in time. */
const MAX_QUEUE_MS = 150;
/** A queue that does not indicate a slow link: under load, the event loops on both sides cause as much delay. */
const GOOD_QUEUE_MS = 50;
const MEASURE_EVERY_MS = 10_000;
/** Time without a piece after which the window is reset: by then the link may be slow, like a new one. */
const IDLE_MS = 1_000;

const MIN_PIECE_BYTES = KIB / 2;
const MAX_PIECE_BYTES = 64 * KIB;
const PIECES_PER_WINDOW = 4;

/** A piece in flight. */
interface PieceInFlight {
  /** Bytes sent over the link up to and including this piece. */
  readonly end: number;
  readonly at: number;
  /** Bytes in flight when it was sent, its own included. */
  readonly inFlight: number;
  /** No other piece was in flight. */
  readonly alone: boolean;
}

export class SendWindow {
  #sent: number;
  #acknowledged: number;
  #window = MIN_WINDOW_BYTES;
  #pieces: PieceInFlight[] = [];
  /** How long a piece takes on an empty link, and when that was last measured. */
  #baseDelayMs = Infinity;
  #measuredAt = 0;
  readonly #measureEveryMs: number;
  /** When a piece was last acknowledged. */
  #learnedAt = -Infinity;
  /** Recently acknowledged bytes per ms; bytes acknowledged since that was computed, and when it was. */
  #rate = 0;
  #delivered = 0;
  #ratedAt = -Infinity;
  /** Something had to wait for the window since the last acknowledgement. */
  #wasLimited = false;
  /** Pieces sent before this byte do not shrink the window once more. */
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

  /** Bytes of the next piece: small enough that urgent messages soon get their turn. */
  pieceBytes(now: number): number {
    if (this.#pieces.length === 0 && now - this.#learnedAt > IDLE_MS) this.#window = MIN_WINDOW_BYTES;
    return Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, Math.floor(this.#window / PIECES_PER_WINDOW)));
  }

  /** Whether `bytes` of small messages may be sent directly. */
  hasRoomForSmall(bytes: number): boolean {
    const stream = Math.min(MAX_STREAM_BYTES, this.#rate * STREAM_MS);
    const fits = this.inFlight + bytes <= Math.max(this.#window, MIN_STREAM_BYTES, stream);
    if (!fits) this.#wasLimited = true;
    return fits;
  }

  /** Whether a piece of `bytes` may be sent now. One may always be in flight. */
  hasRoom(bytes: number, now: number): boolean {
    if (this.#pieces.length === 0) return true;
    const isStale = now - this.#measuredAt > this.#measureEveryMs;
    const fits = !isStale && this.inFlight + bytes <= this.#window;
    if (!fits) this.#wasLimited = true;
    return fits;
  }

  /** Bytes other than a piece are sent. */
  sent(bytes: number): void {
    this.#sent += bytes;
  }

  sentPiece(bytes: number, now: number): void {
    const alone = this.#pieces.length === 0;
    this.#sent += bytes;
    this.#pieces.push({ end: this.#sent, at: now, inFlight: this.inFlight, alone });
  }

  /**
   * Called when the peer has received `total` bytes since the link was established.
   * @returns false if fewer bytes were sent, so the receipt is invalid
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

  /**
   * Rises at once and falls by quarters, so that a short pause in the stream has little effect; a long one resets it.
   */
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
