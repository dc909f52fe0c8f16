const headerEnd = Buffer.from("\r\n\r\n");
/** What ends a chunked body; it cannot end an earlier read, because our events end in a blank line. */
const lastChunk = Buffer.from("0\r\n\r\n");

/**
 * One HTTP/1.1 response, collected as raw bytes and taken apart only when asked, so that receiving costs a copy
 * and a look at the end. One response at a time: requests are never pipelined.
 */
export class HttpResponse {
  /** Grows to the largest response of its connection. */
  #bytes = Buffer.allocUnsafeSlow(4096);
  #length = 0;
  #bodyStart = 0;
  /** End of the body where its length was told; undefined when it is chunked. */
  #bodyEnd: number | undefined;

  /** Adds what has arrived; true once the response is complete. */
  push(data: Buffer, length: number): boolean {
    if (this.#length + length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#length + length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    data.copy(this.#bytes, this.#length, 0, length);
    this.#length += length;
    if (this.#bodyStart === 0 && !this.#readHeader()) return false;
    if (this.#bodyEnd !== undefined) return this.#length >= this.#bodyEnd;
    const tail = this.#length - lastChunk.length;
    return tail >= this.#bodyStart && this.#bytes.compare(lastChunk, 0, 5, tail, this.#length) === 0;
  }

  /** Begins the next response on the same connection. */
  reset(): void {
    this.#length = 0;
    this.#bodyStart = 0;
    this.#bodyEnd = undefined;
  }

  /** A copy of everything received, to be read later with `parseResponse`. */
  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #readHeader(): boolean {
    const end = this.#bytes.subarray(0, this.#length).indexOf(headerEnd);
    if (end === -1) return false;
    this.#bodyStart = end + headerEnd.length;
    const told = /\r\ncontent-length: *(\d+)/i.exec(this.#bytes.toString("latin1", 0, end));
    this.#bodyEnd = told === null ? undefined : this.#bodyStart + Number(told[1]);
    return true;
  }
}

/** Status and body of a complete response, without chunk framing. Throws when the framing is broken. */
export function parseResponse(bytes: Buffer): { status: number; body: string } {
  const end = bytes.indexOf(headerEnd);
  if (end === -1) throw new Error("no end of the headers");
  const header = bytes.toString("latin1", 0, end);
  const body = bytes.subarray(end + headerEnd.length);
  const chunked = /\r\ntransfer-encoding: *chunked/i.test(header);
  return { status: Number(header.slice(9, 12)), body: (chunked ? unchunk(body) : body).toString("utf8") };
}

function unchunk(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf("\r\n", at);
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(body.toString("latin1", at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error("a broken chunk");
    if (size === 0) return Buffer.concat(parts);
    at = lineEnd + 2;
    parts.push(body.subarray(at, at + size));
    at += size + 2;
  }
}
