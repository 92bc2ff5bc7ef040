/** Messages in flight, and their faults: cuts, loss, duplication, reordering, delay. */
import type { Message, NodeId } from '../../../src/raft/index.js';

/** Selects messages; an absent field matches anything. */
export interface Filter {
  readonly from?: NodeId;
  readonly to?: NodeId;
  readonly type?: Message['type'];
}

export function matches(filter: Filter, message: Message): boolean {
  return (
    (filter.from === undefined || filter.from === message.from) &&
    (filter.to === undefined || filter.to === message.to) &&
    (filter.type === undefined || filter.type === message.type)
  );
}

export class Network {
  /** In the order of sending. */
  inFlight: Message[] = [];
  /** Taken out of flight by `hold`, until `release`. */
  held: Message[] = [];
  /** False for a message: it is lost, as over a cut link. `heal` resets it. */
  passes: (message: Message) => boolean = () => true;
  readonly #cuts = new Set<string>();

  /** False if the link is cut: the message is lost. */
  send(message: Message): boolean {
    if (this.isCut(message.from, message.to) || !this.passes(message)) return false;
    this.inFlight.push(message);
    return true;
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** One direction only. What is in flight still arrives. */
  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  partition(groups: readonly (readonly NodeId[])[]): void {
    for (const group of groups)
      for (const other of groups)
        if (group !== other) for (const from of group) for (const to of other) this.cut(from, to);
  }

  heal(): void {
    this.#cuts.clear();
    this.passes = () => true;
  }

  /** Drops every message in flight from or to `id`. */
  dropAll(id: NodeId): void {
    const isOther = ({ from, to }: Message): boolean => from !== id && to !== id;
    this.inFlight = this.inFlight.filter(isOther);
    this.held = this.held.filter(isOther);
  }

  /** Removes and returns what matches. */
  take(filter: Filter): Message[] {
    const taken = this.inFlight.filter((message) => matches(filter, message));
    this.inFlight = this.inFlight.filter((message) => !matches(filter, message));
    return taken;
  }

  takeAt(position: number): Message | undefined {
    return this.inFlight.splice(position, 1)[0];
  }

  duplicate(filter: Filter): void {
    this.inFlight.push(...this.inFlight.filter((message) => matches(filter, message)));
  }

  reverse(filter: Filter): void {
    const taken = this.take(filter);
    this.inFlight.push(...taken.reverse());
  }

  hold(filter: Filter): void {
    this.held.push(...this.take(filter));
  }

  release(filter: Filter): Message[] {
    const released = this.held.filter((message) => matches(filter, message));
    this.held = this.held.filter((message) => !matches(filter, message));
    this.inFlight.push(...released);
    return released;
  }
}
