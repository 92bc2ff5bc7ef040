/**
 * JSON where a silent repair would be wrong, as in a key: what `JSON.parse` lets pass and this does not is
 * a name given twice, lone surrogates, numbers outside the range of a double or integers that a double would round,
 * and nesting beyond a limit. The profile is I-JSON (RFC 7493) over RFC 8259.
 *
 * Knows nothing of keys. Time is linear in the text; the stack is bounded by `maxDepth`.
 */
import { KvorumError } from './errors.js';

export interface StrictJsonOptions {
  /** The field that an error names. */
  readonly field: string;
  readonly maxDepth: number;
}

const BLANKS = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const LITERAL = /true|false|null/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** @throws KvorumError `invalid-request`, saying what is wrong and where. */
export function parseStrictJson(text: string, options: StrictJsonOptions): unknown {
  return new StrictJson(text, options).document();
}

class StrictJson {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly text: string,
    private readonly options: StrictJsonOptions,
  ) {}

  document(): unknown {
    this.blanks();
    const value = this.value();
    this.blanks();
    if (this.at < this.text.length) throw this.wrong('text after the value');
    return value;
  }

  private value(): unknown {
    const first = this.text[this.at];
    if (first === '{') return this.nested(() => this.object());
    if (first === '[') return this.nested(() => this.array());
    if (first === '"') return this.string();
    if (first === 't' || first === 'f' || first === 'n') {
      return JSON.parse(this.match(LITERAL, 'a literal is malformed')[0]) as unknown;
    }
    return this.number();
  }

  private nested<T>(parse: () => T): T {
    if (this.depth === this.options.maxDepth) throw this.wrong(`more than ${this.options.maxDepth} levels`);
    this.depth += 1;
    this.at += 1;
    this.blanks();
    const result = parse();
    this.depth -= 1;
    return result;
  }

  private array(): unknown[] {
    const values: unknown[] = [];
    if (this.accept(']')) return values;
    for (;;) {
      values.push(this.value());
      if (this.accept(']')) return values;
      this.expect(',');
    }
  }

  private object(): object {
    const fields = new Map<string, unknown>();
    if (this.accept('}')) return {};
    for (;;) {
      if (this.text[this.at] !== '"') throw this.wrong('a name is missing');
      const name = this.string();
      if (fields.has(name)) throw this.wrong('a name is given twice');
      this.expect(':');
      fields.set(name, this.value());
      // Defines the fields instead of assigning them: `__proto__` is a name like any other.
      if (this.accept('}')) return Object.fromEntries(fields);
      this.expect(',');
    }
  }

  private string(): string {
    const start = this.at;
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    const value = this.unquote(this.text.slice(start, end + 1));
    if (LONE_SURROGATE.test(value)) throw this.wrong('a lone surrogate');
    this.at = end + 1;
    return value;
  }

  private unquote(quoted: string): string {
    try {
      return JSON.parse(quoted) as string;
    } catch {
      throw this.wrong('a string is malformed');
    }
  }

  private number(): number {
    const [digits, fraction, exponent] = this.match(NUMBER, 'a value is missing');
    const value = Number(digits);
    if (!Number.isFinite(value)) throw this.wrong('a number is out of range');
    const whole = fraction === undefined && exponent === undefined;
    // Exact, or as a double prints itself (its shortest digits are not always its value).
    if (whole && !Number.isSafeInteger(value) && BigInt(digits) !== BigInt(value) && digits !== String(value)) {
      throw this.wrong('an integer is too large to be exact');
    }
    return value;
  }

  private match(pattern: RegExp, otherwise: string): RegExpExecArray {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) throw this.wrong(otherwise);
    this.at += found[0].length;
    return found;
  }

  /** Steps over `character`, if it comes next, and the blanks around it. */
  private accept(character: string): boolean {
    this.blanks();
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    // The blanks after a closing bracket are the caller's; stepping over them early does no harm.
    this.blanks();
    return true;
  }

  private expect(character: string): void {
    if (!this.accept(character)) throw this.wrong(`'${character}' is missing`);
  }

  private blanks(): void {
    BLANKS.lastIndex = this.at;
    this.at += BLANKS.exec(this.text)?.[0].length ?? 0;
  }

  private wrong(what: string): KvorumError {
    const message = `the ${this.options.field} is not valid JSON: ${what} at character ${this.at}`;
    return new KvorumError('invalid-request', message, { field: this.options.field });
  }
}
