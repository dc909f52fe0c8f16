/** What the pieces of a vocabulary tell about text before it is tokenized. */
export class TextShares {
  /** For each byte: the least share of a token that it takes; 0 where no piece has it. */
  readonly #shares = new Float64Array(256);
  /** Pairs of bytes that some piece has within it. */
  readonly #pairs = new Uint8Array(256 * 256);

  constructor(pieces: Iterable<Uint8Array>) {
    const longest = new Uint32Array(256);
    for (const piece of pieces)
      for (let index = 0; index < piece.length; index++) {
        const byte = piece[index]!;
        if (piece.length > longest[byte]!) longest[byte] = piece.length;
        if (index > 0) this.#pairs[piece[index - 1]! * 256 + byte] = 1;
      }
    for (const [byte, length] of longest.entries()) this.#shares[byte] = length === 0 ? 0 : 1 / length;
  }

  /**
   * The fewest tokens that a text can come to: a token of n bytes consists of bytes that occur in pieces of n
   * bytes or more. Stops counting above `enough`. About 2 ms per megabyte.
   */
  leastTokens(text: string, enough: number): number {
    let least = 0;
    for (let from = 0; from < text.length && least <= enough; from += blockUnits)
      for (const byte of Buffer.from(text.slice(from, from + blockUnits))) least += this.#shares[byte]!;
    return least;
  }

  /**
   * The first place at or after `from` where text can be divided without another result, at `to` at the latest;
   * undefined where there is none. All known tokenizers begin a word at white space after letters or digits,
   * and no piece may reach across; within a word it is enough that none does.
   */
  seam(text: string, from: number, to: number): number | undefined {
    for (let at = Math.max(1, from); at <= to && at < text.length; at++) {
      const after = text.charCodeAt(at);
      const before = text.charCodeAt(at - 1);
      const isSpace = after === space || after === lineFeed;
      if (!isSpace && !(isUpper(after) && isLower(before))) continue;
      const character = text[at - 1]!;
      if (isSpace && !isLower(before) && !/[\p{L}\p{N}]/u.test(character)) continue;
      const last = before < 0x80 ? before : Buffer.from(character).at(-1)!;
      if (this.#pairs[last * 256 + after] === 0) return at;
    }
    return undefined;
  }
}

const isLower = (unit: number): boolean => unit >= 0x61 && unit <= 0x7a;
const isUpper = (unit: number): boolean => unit >= 0x41 && unit <= 0x5a;
const space = 0x20;
const lineFeed = 0x0a;
const blockUnits = 64 * 1024;
