import type { Clock } from "../../core/clock.ts";
import type { MeshError } from "../../core/errors/mesh-error.ts";
import type { Call } from "./call.ts";

/** The generations that are open in a router. */
export class OpenCalls {
  readonly #calls = new Set<Call>();
  readonly #idle = new Set<() => void>();

  get size(): number {
    return this.#calls.size;
  }

  /** Holds a generation until its end. */
  add(call: Call): void {
    this.#calls.add(call);
    call.onEnd(() => {
      this.#calls.delete(call);
      if (this.#calls.size > 0) return;
      for (const resolve of this.#idle) resolve();
      this.#idle.clear();
    });
  }

  /** Resolves when none is open, or after `graceMs`. */
  async whenIdle(graceMs: number, clock: Clock): Promise<void> {
    if (this.#calls.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(graceMs, resolve);
    this.#idle.add(resolve);
    await promise;
    timer.cancel();
    this.#idle.delete(resolve);
  }

  /** Ends every one with an error. */
  abort(reason: MeshError): void {
    for (const call of [...this.#calls]) call.abort(reason);
  }
}
