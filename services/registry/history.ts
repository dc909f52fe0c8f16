import { MeshError } from "../../core/errors/mesh-error.ts";
import type { WatchNodesResponse } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

interface Change {
  readonly revision: bigint;
  readonly response: WatchNodesResponse;
}

/**
 * The latest changes of a store, shared by its watches, each of which keeps only a revision: a slow reader costs no
 * memory, and one that falls out of the history is cut. Revisions rise, and may skip numbers.
 */
export class History {
  readonly #limit: number;
  readonly #changes: Change[] = [];
  #latest = 0n;
  /** The revision of the last change that was dropped; 0 before there is one. */
  #forgotten = 0n;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** 0 before the first change. */
  get latest(): bigint {
    return this.#latest;
  }

  /** Adds a change with a higher revision than all before, and wakes the watches. */
  append(revision: bigint, response: WatchNodesResponse): void {
    if (revision <= this.#latest)
      throw new RangeError(`Revision ${revision} does not follow revision ${this.#latest}.`);
    this.#latest = revision;
    this.#changes.push({ revision, response });
    if (this.#changes.length > this.#limit) this.#forgotten = this.#changes.shift()!.revision;
    this.#wake();
  }

  /** Every change after a revision, in order, until the signal aborts or the history closes. */
  async *after(revision: bigint, signal: AbortSignal): AsyncGenerator<WatchNodesResponse> {
    for (let seen = revision; ; ) {
      while (seen >= this.#latest && !this.#closed) await this.#changed(signal);
      if (this.#closed) return;
      if (seen < this.#forgotten)
        throw new MeshError("saturated", "The watch fell too far behind the changes: watch again.");
      const change = this.#changes[this.#indexAfter(seen)]!;
      seen = change.revision;
      yield change.response;
    }
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #indexAfter(revision: bigint): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#changes[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
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
