interface Entry<T> {
  readonly user: string;
  /** How many values of one user come before it at least; a line is in order of it. */
  readonly round: number;
  readonly value: T;
}

/** A queue with a line for each caller; the lines are served in turn, and within a line the caller's users. */
export class FairQueue<T> {
  /** Lines that are not empty, in the order in which they are served. */
  readonly #lines = new Map<string, Entry<T>[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The caller who is served next; undefined when all lines are empty. */
  get next(): string | undefined {
    return this.#lines.keys().next().value;
  }

  peek(): T | undefined {
    return this.next === undefined ? undefined : this.#lines.get(this.next)?.[0]?.value;
  }

  /**
   * How many are served at most before a value that this user of a caller pushed now, by the callers that wait: those
   * with short lines get their turns too, as they may push more until then.
   */
  aheadOf(caller: string, user: string): number {
    const own = placeOf(user, this.#lines.get(caller) ?? []).index;
    const others = this.#lines.size - (this.#lines.has(caller) ? 1 : 0);
    return own + others * (own + 1);
  }

  push(caller: string, user: string, value: T): void {
    const line = this.#lines.get(caller) ?? [];
    const { index, round } = placeOf(user, line);
    line.splice(index, 0, { user, round, value });
    this.#lines.set(caller, line);
    this.#size += 1;
  }

  /** Undefined when all lines are empty. */
  take(): T | undefined {
    const caller = this.next;
    const value = this.peek();
    if (caller === undefined || value === undefined) return undefined;
    this.remove(caller, value);
    this.toEnd(caller);
    return value;
  }

  /** Lets all other callers be served before this one, which has had its turn elsewhere. */
  toEnd(caller: string): void {
    const line = this.#lines.get(caller);
    if (line === undefined) return;
    this.#lines.delete(caller);
    this.#lines.set(caller, line);
  }

  /** False when it is not there. */
  remove(caller: string, value: T): boolean {
    const line = this.#lines.get(caller);
    const index = line?.findIndex((entry) => entry.value === value) ?? -1;
    if (line === undefined || index < 0) return false;
    line.splice(index, 1);
    if (line.length === 0) this.#lines.delete(caller);
    this.#size -= 1;
    return true;
  }
}

/** Where the next value of a user goes: a round behind the user's last, or into the round that is being served. */
function placeOf<T>(user: string, line: readonly Entry<T>[]): { index: number; round: number } {
  const last = line.findLast((entry) => entry.user === user);
  const round = last === undefined ? (line[0]?.round ?? 0) : last.round + 1;
  return { index: line.findLastIndex((entry) => entry.round <= round) + 1, round };
}
