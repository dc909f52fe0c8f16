import type { Clock, Timer } from "../../../core/clock.ts";

/** A clock for tests: time stands still until `advance` moves it. */
export class FakeClock implements Clock {
  #now = 0;
  #sequence = 0;
  readonly #pending = new Set<{ due: number; order: number; callback: () => void; periodMs?: number }>();

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return 1_700_000_000_000 + this.#now;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#schedule(delayMs, callback);
  }

  every(periodMs: number, callback: () => void): Timer {
    return this.#schedule(periodMs, callback, periodMs);
  }

  /** How many timers are waiting; 0 when everything has let go. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Moves time forward, running what falls due in order, with a turn of the event loop after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = [...this.#pending]
        .filter((entry) => entry.due <= end)
        .sort((a, b) => a.due - b.due || a.order - b.order)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.due);
      if (next.periodMs === undefined) this.#pending.delete(next);
      else next.due += next.periodMs;
      next.callback();
    }
    this.#now = end;
  }

  #schedule(delayMs: number, callback: () => void, periodMs?: number): Timer {
    const entry = {
      due: this.#now + Math.max(0, delayMs),
      order: this.#sequence++,
      callback,
      ...(periodMs === undefined ? {} : { periodMs }),
    };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }
}
