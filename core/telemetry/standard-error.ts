import { write, writeSync } from "node:fs";

/** Standard error's descriptor. */
const fd = 2;
/** The pause before a reader that is behind is tried again, in milliseconds. */
const retryMs = 10;
/** How long `flush` waits for such a reader, in milliseconds. */
const patienceMs = 1000;

/**
 * Standard error, for logs. Writes are asynchronous, so that logging delays no generation. A reader that is gone, such as
 * a closed terminal, swallows everything: pino's own destination would try again for ever at exit.
 */
export class StandardError {
  #pending = "";
  /** What a write under way has been given. */
  #written = Buffer.alloc(0);
  #isWriting = false;
  #isGone = false;

  write(line: string): void {
    if (this.#isGone) return;
    this.#pending += line;
    if (!this.#isWriting) this.#writeNext();
  }

  /** Writes what is still pending, before a process exits; what is under way goes its own way. */
  flush(): void {
    let rest = Buffer.concat([this.#isWriting ? Buffer.alloc(0) : this.#written, Buffer.from(this.#pending)]);
    this.#pending = "";
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let waitedMs = 0; !this.#isGone && rest.length > 0 && waitedMs < patienceMs; )
      try {
        rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        if (!isBehind(error)) this.#giveUp();
        else Atomics.wait(pause, 0, 0, retryMs);
        waitedMs += retryMs;
      }
  }

  #writeNext(): void {
    if (this.#written.length === 0) {
      if (this.#pending === "") return;
      this.#written = Buffer.from(this.#pending);
      this.#pending = "";
    }
    this.#isWriting = true;
    write(fd, this.#written, (error, count) => {
      this.#isWriting = false;
      if (error === null) {
        this.#written = this.#written.subarray(count);
        this.#writeNext();
      } else if (!isBehind(error)) this.#giveUp();
      else setTimeout(() => this.#isWriting || this.#writeNext(), retryMs).unref();
    });
  }

  #giveUp(): void {
    this.#isGone = true;
    this.#pending = "";
    this.#written = Buffer.alloc(0);
  }
}

const isBehind = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EAGAIN" || code === "EBUSY";
};
