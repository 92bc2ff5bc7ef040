/**
 * JSON values that can be changed, over the texts that they came from.
 *
 * A value is a place in a tape as long as nobody looked into it, and after that a node, whose parts are values again. A
 * node in which nothing changed is still written as its text. One in which something changed is written without white
 * space of its own; the parts that did not change, and all names and numbers, are written as they were. Members keep
 * their order, and new ones go last.
 *
 * Copies share their nodes: a node that may be in more than one place is copied, without what is in it, once one of the
 * places is to change. So a copy costs nothing, and what it adds to the size is known at once. Nothing here recurses.
 */
import type { Kind, Tape, TapeId } from './tape.js';

interface Node {
  /** The text of the value, while nothing in it has changed. */
  text: TapeId | undefined;
  /** Length of the value as it would be written anew. */
  bytes: number;
  /** May be in more than one place. */
  isShared: boolean;
}

export interface Member {
  /** A name in the tape, or JSON text. */
  readonly name: TapeId | Buffer;
  value: Value;
}

export interface ObjectNode extends Node {
  readonly kind: 'object';
  readonly members: Map<string, Member>;
}

export interface ArrayNode extends Node {
  readonly kind: 'array';
  readonly items: Value[];
}

export type Container = ObjectNode | ArrayNode;
export type Value = TapeId | Container;

/** A container, and those that it is in: all of them change with it. */
export interface Place<C extends Container = Container> {
  readonly node: C;
  readonly up: Place | undefined;
}

/** Elements that move by one place as fast as anything else happens once. */
const MOVED_AT_ONCE = 16;
/** A member takes longer than an element: its name is read and hashed. */
const STEPS_PER_MEMBER = 4;

export class Tree {
  readonly tape: Tape;
  readonly #spend: (steps: number) => void;

  /** `spend` is told of all work that is more than a step, before it is done, and may throw. */
  constructor(tape: Tape, spend: (steps: number) => void) {
    this.tape = tape;
    this.#spend = spend;
  }

  kind(value: Value): Kind {
    return typeof value === 'number' ? this.tape.kind(value) : value.kind;
  }

  /** Length of the value as it will be written. */
  bytes(value: Value): number {
    const text = textOf(value);
    return text === undefined ? (value as Container).bytes : this.tape.bytes(text);
  }

  emptyObject(): ObjectNode {
    return { kind: 'object', members: new Map(), text: undefined, bytes: 2, isShared: false };
  }

  /** The node to look into or to change; undefined for what is no container. It has to take the place of `value`. */
  own(value: Value): Container | undefined {
    if (typeof value !== 'number') return value.isShared ? this.#clone(value) : value;
    const kind = this.tape.kind(value);
    if (kind === 'object') return this.#objectAt(value);
    return kind === 'array' ? this.#arrayAt(value) : undefined;
  }

  /** Marks a value that is about to be in one more place. */
  share(value: Value): Value {
    if (typeof value !== 'number') value.isShared = true;
    return value;
  }

  set(place: Place<ObjectNode>, key: string, name: TapeId | Buffer, value: Value): void {
    const { members } = place.node;
    const member = members.get(key);
    if (member === undefined) {
      const comma = members.size === 0 ? 0 : 1;
      members.set(key, { name, value });
      this.#grow(place, comma + this.#nameBytes(name) + 1 + this.bytes(value));
    } else {
      const grown = this.bytes(value) - this.bytes(member.value);
      member.value = value;
      this.#grow(place, grown);
    }
  }

  delete(place: Place<ObjectNode>, key: string): void {
    const { members } = place.node;
    const member = members.get(key);
    if (member === undefined) return;
    members.delete(key);
    const comma = members.size === 0 ? 0 : 1;
    this.#grow(place, -(comma + this.#nameBytes(member.name) + 1 + this.bytes(member.value)));
  }

  insert(place: Place<ArrayNode>, index: number, value: Value): void {
    const { items } = place.node;
    this.#spend(1 + (items.length - index) / MOVED_AT_ONCE);
    const comma = items.length === 0 ? 0 : 1;
    if (index === items.length) items.push(value);
    else items.splice(index, 0, value);
    this.#grow(place, comma + this.bytes(value));
  }

  replace(place: Place<ArrayNode>, index: number, value: Value): void {
    const { items } = place.node;
    const grown = this.bytes(value) - this.bytes(items[index] ?? value);
    items[index] = value;
    this.#grow(place, grown);
  }

  removeAt(place: Place<ArrayNode>, index: number): void {
    const { items } = place.node;
    this.#spend(1 + (items.length - index) / MOVED_AT_ONCE);
    const [removed] = items.splice(index, 1);
    if (removed === undefined) return;
    const comma = items.length === 0 ? 0 : 1;
    this.#grow(place, -(comma + this.bytes(removed)));
  }

  /** Members of an object without taking its place: for looking only. */
  membersOf(value: Value): ReadonlyMap<string, Member> {
    const node = typeof value === 'number' ? this.#objectAt(value) : value;
    return node.kind === 'object' ? node.members : new Map<string, Member>();
  }

  /** Gives one element of an array after the other, then undefined. */
  itemsOf(value: Value): () => Value | undefined {
    if (typeof value !== 'number') {
      let index = 0;
      return () => (value.kind === 'array' ? value.items[index++] : undefined);
    }
    const { tape } = this;
    const end = tape.after(value);
    let next = value + 1;
    return () => {
      if (next >= end) return undefined;
      const item = next;
      next = tape.after(item);
      return item;
    };
  }

  /** A change of the node's size, by `grown`, which changes the text of all that it is in. */
  #grow(from: Place, grown: number): void {
    let delta = grown;
    for (let place: Place | undefined = from; place !== undefined; place = place.up) {
      const { node } = place;
      if (node.text === undefined && delta === 0) return;
      const before = this.bytes(node);
      node.bytes += delta;
      node.text = undefined;
      delta = node.bytes - before;
    }
  }

  #nameBytes(name: TapeId | Buffer): number {
    return typeof name === 'number' ? this.tape.bytes(name) : name.length;
  }

  #clone(node: Container): Container {
    if (node.kind === 'array') {
      this.#spend(1 + node.items.length);
      return { ...node, items: node.items.map((item) => this.share(item)), isShared: false };
    }
    this.#spend(1 + STEPS_PER_MEMBER * node.members.size);
    const members = new Map<string, Member>();
    for (const [key, { name, value }] of node.members) members.set(key, { name, value: this.share(value) });
    return { ...node, members, isShared: false };
  }

  #objectAt(id: TapeId): ObjectNode {
    const { tape } = this;
    const members = new Map<string, Member>();
    let bytes = 2;
    for (let name = id + 1, end = tape.after(id); name < end; name = tape.after(name + 1)) {
      this.#spend(STEPS_PER_MEMBER);
      members.set(tape.string(name), { name, value: name + 1 });
      bytes += tape.bytes(name) + 1 + tape.bytes(name + 1);
    }
    return { kind: 'object', members, text: id, bytes: bytes + Math.max(0, members.size - 1), isShared: false };
  }

  #arrayAt(id: TapeId): ArrayNode {
    const { tape } = this;
    const items: Value[] = [];
    let bytes = 2;
    for (let item = id + 1, end = tape.after(id); item < end; item = tape.after(item)) {
      this.#spend(1);
      items.push(item);
      bytes += tape.bytes(item);
    }
    return { kind: 'array', items, text: id, bytes: bytes + Math.max(0, items.length - 1), isShared: false };
  }
}

/** The text of a value in which nothing has changed. */
export const textOf = (value: Value): TapeId | undefined => (typeof value === 'number' ? value : value.text);
