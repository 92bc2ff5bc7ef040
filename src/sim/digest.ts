/** A running hash of everything that happened: two runs were the same if their hashes are equal. */
export class Digest {
  #hash = 0x811c9dc5;

  add(...numbers: readonly number[]): void {
    for (const number of numbers) {
      // Virtual time has fractions, and all of their bits count.
      const whole = Math.floor(number);
      this.#update(whole);
      this.#update(Math.floor((number - whole) * 2 ** 32));
    }
  }

  text(text: string): void {
    for (let at = 0; at < text.length; at++) this.#update(text.charCodeAt(at));
  }

  #update(number: number): void {
    this.#hash = Math.imul(this.#hash ^ number, 0x01000193) >>> 0;
    this.#hash = (this.#hash ^ (this.#hash >>> 15)) >>> 0;
  }

  /** 8 hex digits. */
  toString(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }
}
