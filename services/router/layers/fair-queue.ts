/** A queue with a line for each caller; the lines are served in turn. */
export class FairQueue<T> {
  /** Lines that are not empty, in the order in which they are served. */
  readonly #lines = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  peek(): T | undefined {
    for (const line of this.#lines.values()) return line[0];
    return undefined;
  }

  /** How many would be served before a value that this caller pushed now. */
  aheadOf(caller: string): number {
    const own = this.#lines.get(caller)?.length ?? 0;
    let ahead = own;
    for (const [other, line] of this.#lines) if (other !== caller) ahead += Math.min(line.length, own + 1);
    return ahead;
  }

  push(caller: string, value: T): void {
    const line = this.#lines.get(caller);
    if (line === undefined) this.#lines.set(caller, [value]);
    else line.push(value);
    this.#size += 1;
  }

  /** Undefined when all lines are empty. */
  take(): T | undefined {
    const [turn] = this.#lines;
    if (turn === undefined) return undefined;
    const [caller, line] = turn;
    const value = line.shift();
    this.#lines.delete(caller);
    if (line.length > 0) this.#lines.set(caller, line);
    this.#size -= 1;
    return value;
  }

  /** False when it is not there. */
  remove(caller: string, value: T): boolean {
    const line = this.#lines.get(caller);
    const index = line?.indexOf(value) ?? -1;
    if (line === undefined || index < 0) return false;
    line.splice(index, 1);
    if (line.length === 0) this.#lines.delete(caller);
    this.#size -= 1;
    return true;
  }
}
