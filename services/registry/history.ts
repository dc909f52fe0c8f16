import { MeshError } from "../../core/errors/mesh-error.ts";
import type { WatchNodesResponse } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/**
 * The latest changes of a store, shared by all its watches: each keeps only the revision that it has seen, so a
 * slow reader costs no memory, and one that falls out of the history is cut.
 */
export class History {
  readonly #limit: number;
  readonly #changes: WatchNodesResponse[] = [];
  #latest = 0n;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  /** Keeps the last `limit` changes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The revision of the last change; 0 before the first. */
  get latest(): bigint {
    return this.#latest;
  }

  /** Adds the change that `describe` makes for the next revision, and wakes who waits. */
  append(describe: (revision: bigint) => WatchNodesResponse): bigint {
    this.#latest += 1n;
    this.#changes.push(describe(this.#latest));
    if (this.#changes.length > this.#limit) this.#changes.shift();
    this.#wake();
    return this.#latest;
  }

  /** Every change after a revision, in order, until the signal aborts or the history closes. */
  async *after(revision: bigint, signal: AbortSignal): AsyncGenerator<WatchNodesResponse> {
    for (let seen = revision; ; seen += 1n) {
      while (seen === this.#latest && !this.#closed) await this.#changed(signal);
      if (this.#closed) return;
      const behind = Number(this.#latest - seen);
      const change = this.#changes.at(-behind);
      if (change === undefined)
        throw new MeshError("saturated", `The watch fell ${behind} changes behind: watch again.`);
      yield change;
    }
  }

  /** Ends everything that follows this history. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  #changed(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const settle = () => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.delete(settle);
        reject(signal.reason);
      };
      this.#waiting.add(settle);
      signal.addEventListener("abort", abort, { once: true });
    });
  }
}
