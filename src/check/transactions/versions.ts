/**
 * The order in which the elements of each key were appended.
 *
 * A list only grows at its end, so every read of it is a beginning of its final state: the longest read is the order of
 * all that was ever read, and every other read must be a beginning of it. What was appended and never read comes after
 * all of that, in an order that nobody saw.
 */
import { NONE, type Elements } from './elements.js';
import type { Findings } from './findings.js';
import { startsWith, type Observation } from './observations.js';
import { formatList, formatScalar, nameOf, type Scalar } from './transaction.js';

/** What follows from the reads of one key. */
export interface Versions {
  /** Elements in order; NONE stands for one whose append is not known to have happened. */
  readonly order: readonly number[];
  /** Elements of transactions that happened which nobody read. */
  readonly unread: readonly number[];
  readonly observations: readonly Observation[];
}

/** Undefined for a key whose reads contradict each other: no order follows from them. */
export function inferVersions(
  observations: readonly (readonly Observation[])[],
  elements: Elements,
  happened: Uint8Array,
  findings: Findings,
): (Versions | undefined)[] {
  return elements.keys.map((_, key) =>
    new KeyVersions(key, observations[key] ?? [], elements, findings).infer(happened),
  );
}

class KeyVersions {
  readonly #key: number;
  readonly #name: string;
  readonly #observations: readonly Observation[];
  readonly #elements: Elements;
  readonly #findings: Findings;

  constructor(key: number, observations: readonly Observation[], elements: Elements, findings: Findings) {
    this.#key = key;
    this.#name = formatScalar(elements.keys[key] ?? '');
    this.#observations = observations;
    this.#elements = elements;
    this.#findings = findings;
  }

  infer(happened: Uint8Array): Versions | undefined {
    const longest = this.#longest();
    const compatible = longest === undefined || this.#areCompatible(longest);
    const order = longest === undefined ? [] : this.#orderOf(longest);
    if (order === undefined || !compatible) return undefined;
    const positions = new Map(order.map((id, position) => [id, position]));
    this.#checkOwnOrder(order);
    for (const observation of this.#observations) this.#checkBoundary(observation, order, positions);
    const appended = [...(this.#elements.ids[this.#key]?.values() ?? [])];
    const unread = appended.filter((id) => !positions.has(id) && happened[this.#elements.writerOf[id] ?? NONE] === 1);
    return { order, unread, observations: this.#observations };
  }

  #longest(): Observation | undefined {
    let longest = this.#observations[0];
    for (const one of this.#observations) if (one.list.length > (longest?.list.length ?? 0)) longest = one;
    return longest;
  }

  #areCompatible(longest: Observation): boolean {
    const other = this.#observations.find(({ list }) => !startsWith(longest.list, list));
    if (other === undefined) return true;
    this.#orderOf(other);
    this.#findings.add('incompatible-order', () => ({
      text: `${nameOf(longest.transaction)} read ${this.#name} as ${formatList(longest.list, 12)}, ${nameOf(other.transaction)} as ${formatList(other.list, 12)}: neither list is a beginning of the other`,
      transactions: [longest.transaction, other.transaction],
    }));
    return false;
  }

  /** The elements of a list; undefined if one stands in it twice. */
  #orderOf({ list, transaction }: Observation): number[] | undefined {
    const seen = new Set<Scalar>();
    const order: number[] = [];
    for (const element of list) {
      if (seen.has(element)) {
        const text = `${nameOf(transaction)} read ${formatScalar(element)} twice in ${this.#name}: ${formatList(list, 12)}`;
        this.#findings.add('duplicate-element', () => ({ text, transactions: [transaction] }));
        return undefined;
      }
      seen.add(element);
      const id = this.#elements.ids[this.#key]?.get(element) ?? NONE;
      if (id === NONE) this.#addUnexplained(element, transaction);
      order.push(id);
    }
    return order;
  }

  #addUnexplained(element: Scalar, reader: number): void {
    const read = `${nameOf(reader)} read ${formatScalar(element)} in ${this.#name}`;
    const aborted = this.#elements.aborted[this.#key]?.get(element);
    if (aborted === undefined) {
      this.#findings.add('garbage', () => ({ text: `${read}, which no transaction appended`, transactions: [reader] }));
    } else {
      const text = `${read}, which only ${nameOf(aborted)} appended, and that did not happen`;
      this.#findings.add('G1a', () => ({ text, transactions: [aborted, reader] }));
    }
  }

  /** What a transaction appends to one key must stand there in the order of its operations, without gaps. */
  #checkOwnOrder(order: readonly number[]): void {
    const { previousOf, valueOf, writerOf } = this.#elements;
    const passed = new Set<number>();
    for (const id of order) {
      const previous = previousOf[id] ?? NONE;
      passed.add(id);
      if (previous === NONE || passed.has(previous)) continue;
      const [before, after] = [previous, id].map((one) => formatScalar(valueOf[one] ?? ''));
      const writer = writerOf[id] ?? 0;
      const text = `${nameOf(writer)} appended ${before} to ${this.#name} and then ${after}, which was read without ${before} before it`;
      this.#findings.add('internal', () => ({ text, transactions: [writer] }));
    }
  }

  /** What was there before a transaction holds none of its own appends, and ends with the last one of another. */
  #checkBoundary(observation: Observation, order: readonly number[], positions: ReadonlyMap<number, number>): void {
    const { transaction, before, own, list } = observation;
    const { isFinal, valueOf, writerOf } = this.#elements;
    const read = (): string => `${nameOf(transaction)} read ${this.#name} as ${formatList(list.slice(0, before))}`;
    if (own !== NONE && (positions.get(own) ?? before) < before) {
      this.#findings.add('internal', () => ({
        text: `${read()} before it had appended ${formatScalar(valueOf[own] ?? '')} itself`,
        transactions: [transaction],
      }));
      return;
    }
    const last = before === 0 ? NONE : (order[before - 1] ?? NONE);
    if (last === NONE || isFinal[last] === true) return;
    const writer = writerOf[last] ?? 0;
    this.#findings.add('G1b', () => ({
      text: `${read()}, in the middle of ${nameOf(writer)}, which appended more after ${formatScalar(valueOf[last] ?? '')}`,
      transactions: [writer, transaction],
    }));
  }
}
