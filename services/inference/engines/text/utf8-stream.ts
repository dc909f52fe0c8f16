/** Decodes streamed UTF-8 into whole characters; invalid bytes become U+FFFD. A byte order mark is text. */
export class Utf8Stream {
  #waiting: Uint8Array = none;

  /** True while an incomplete character waits. */
  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  /** The characters completed by these bytes; may be empty. */
  push(bytes: Uint8Array): string {
    const all = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
    const end = all.length - unfinishedBytes(all);
    this.#waiting = end === all.length ? none : all.slice(end);
    return decode(all.subarray(0, end));
  }

  clone(): Utf8Stream {
    const copy = new Utf8Stream();
    copy.#waiting = this.#waiting;
    return copy;
  }

  /** Flushes what still waits, as U+FFFD. */
  end(): string {
    const text = decode(this.#waiting);
    this.#waiting = none;
    return text;
  }
}

/** Decodes all bytes; U+FFFD replaces incomplete characters. */
export const decode = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");

const none = new Uint8Array(0);

/** How many bytes at the end start a character that may still be completed. */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    return back < characterBytes(byte) ? back : 0;
  }
  return 0;
}

/** Length of the character with this lead byte; 1 for bytes that start none. */
function characterBytes(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 1;
}
