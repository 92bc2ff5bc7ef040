/**
 * JSON for values that it holds exactly: null, booleans, finite numbers, text, arrays and plain objects, such that
 * `JSON.parse` gives what `structuredClone` would. Everything else (undefined members, −0, NaN, dates, shared parts and
 * cycles, instances) has no exact JSON.
 *
 * Decided: a writer here. Instead of: `JSON.stringify` after a check; a getter would be called twice, and could answer
 * the second time what was not checked.
 */
import { types } from 'node:util';

/** Nesting and members that any reader of stored JSON takes, patches too. */
const MAX_DEPTH = 128;
const MAX_MEMBERS = 100_000;

const LONE_SURROGATE = /\p{Surrogate}/u;
/** Needs no escapes. */
const PLAIN_ASCII = /^[ !#-[\]-~]*$/;

/** Undefined if the value has no exact JSON, or only some of more than about `maxLength` characters. */
export function exactJson(value: unknown, maxLength: number): string | undefined {
  return new Writer(maxLength).write(value, 0);
}

class Writer {
  readonly #seen = new Set<object>();
  #members = 0;
  /** Characters that may still be written. */
  #left: number;

  constructor(maxLength: number) {
    this.#left = maxLength;
  }

  write(value: unknown, depth: number): string | undefined {
    switch (typeof value) {
      case 'boolean':
        return this.#counted(String(value));
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? this.#counted(String(value)) : undefined;
      case 'string':
        return this.#text(value);
      case 'object':
        if (value === null) return this.#counted('null');
        return depth < MAX_DEPTH ? this.#container(value, depth + 1) : undefined;
      case 'bigint':
      case 'function':
      case 'symbol':
      case 'undefined':
        return undefined;
    }
  }

  #text(text: string): string | undefined {
    if (PLAIN_ASCII.test(text)) return this.#counted(`"${text}"`);
    return LONE_SURROGATE.test(text) ? undefined : this.#counted(JSON.stringify(text));
  }

  #counted(text: string): string | undefined {
    this.#left -= text.length + 1;
    return this.#left < 0 ? undefined : text;
  }

  #container(value: object, depth: number): string | undefined {
    if (this.#seen.has(value) || types.isProxy(value)) return undefined;
    this.#seen.add(value);
    if (Array.isArray(value)) return this.#array(value, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null
      ? this.#object(value as Record<string, unknown>, depth)
      : undefined;
  }

  #array(array: readonly unknown[], depth: number): string | undefined {
    if (Object.getPrototypeOf(array) !== Array.prototype || Object.keys(array).length !== array.length)
      return undefined;
    let text = '';
    for (const each of array) {
      const part = this.write(each, depth);
      if (part === undefined) return undefined;
      text += text === '' ? part : `,${part}`;
    }
    return `[${text}]`;
  }

  #object(object: Readonly<Record<string, unknown>>, depth: number): string | undefined {
    const names = Object.keys(object);
    this.#members += names.length;
    if (this.#members > MAX_MEMBERS) return undefined;
    let text = '';
    for (const name of names) {
      // Readers disagree on what it is.
      if (name === '__proto__') return undefined;
      const [quoted, part] = [this.#text(name), this.write(object[name], depth)];
      if (quoted === undefined || part === undefined) return undefined;
      text += `${text === '' ? '' : ','}${quoted}:${part}`;
    }
    return `{${text}}`;
  }
}
