/** A changed value as text: without recursion, into a buffer whose length is known before. */
import type { Tape, TapeId } from './tape.js';
import { textOf, type Container, type Member, type Tree, type Value } from './tree.js';

const OPEN = { object: 0x7b, array: 0x5b } as const;
const CLOSE = { object: 0x7d, array: 0x5d } as const;
const COMMA = 0x2c;
const COLON = 0x3a;
/** Shorter texts are copied faster by hand. */
const SHORT = 24;

interface Open {
  readonly node: Container;
  readonly rest: Iterator<Member | Value>;
  isFirst: boolean;
}

export function writeValue(tree: Tree, value: Value): Buffer {
  const out = new Output(tree.tape, tree.bytes(value));
  const open: Open[] = [];
  const begin = (part: Value): void => {
    const text = textOf(part);
    if (text !== undefined) out.text(text);
    else {
      const node = part as Container;
      out.byte(OPEN[node.kind]);
      open.push({ node, rest: partsOf(node), isFirst: true });
    }
  };
  begin(value);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.rest.next();
    if (next.done === true) {
      out.byte(CLOSE[top.node.kind]);
      open.pop();
      continue;
    }
    if (!top.isFirst) out.byte(COMMA);
    top.isFirst = false;
    const part = next.value;
    if (typeof part !== 'number' && 'name' in part) {
      if (typeof part.name === 'number') out.text(part.name);
      else out.bytes(part.name);
      out.byte(COLON);
      begin(part.value);
    } else begin(part);
  }
  return out.done();
}

const partsOf = (node: Container): Iterator<Member | Value> =>
  node.kind === 'object' ? node.members.values() : node.items.values();

class Output {
  readonly #tape: Tape;
  readonly #buffer: Buffer;
  #at = 0;

  constructor(tape: Tape, length: number) {
    this.#tape = tape;
    this.#buffer = Buffer.allocUnsafeSlow(length);
  }

  byte(byte: number): void {
    this.#buffer[this.#at] = byte;
    this.#at += 1;
  }

  text(id: TapeId): void {
    const { text } = this.#tape;
    const [start, end] = [this.#tape.start(id), this.#tape.end(id)];
    if (end - start <= SHORT) for (let at = start; at < end; at += 1) this.byte(text[at] ?? 0);
    else this.#at += text.copy(this.#buffer, this.#at, start, end);
  }

  bytes(bytes: Buffer): void {
    this.#at += bytes.copy(this.#buffer, this.#at);
  }

  done(): Buffer {
    if (this.#at !== this.#buffer.length) throw new Error(`${this.#at} of ${this.#buffer.length} bytes were written`);
    return this.#buffer;
  }
}
