import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Sequence } from "./sequence.ts";

/** A sequence held by one generation. */
export interface HeldSequence {
  /** Use it only after `settled`; before, it may still change. */
  readonly sequence: Sequence;
  /** Resolves when the previous holder's work has ended. */
  readonly settled: Promise<void>;
  /** Idempotent. `work`: what still runs, which the next holder waits for. `broken`: the state is unreliable. */
  release(work?: Promise<unknown>, broken?: boolean): void;
}

/** The sequences of a context. They keep what they have computed, so prompts with a common beginning reuse it. */
export class SequencePool {
  readonly #slots: Slot[];
  #turn = 0;

  constructor(sequences: readonly Sequence[]) {
    this.#slots = sequences.map((sequence) => ({ sequence, held: false, lastTurn: 0 }));
  }

  get free(): number {
    return this.#slots.filter(({ held }) => !held).length;
  }

  /** Takes the free sequence with the longest common prefix, then the least recently used. Throws `saturated`. */
  take(tokens: readonly number[]): HeldSequence {
    const slot = this.#best(tokens);
    if (slot === undefined)
      throw new MeshError("saturated", "All slots of the engine are busy. Try again later.", {
        retryAfterMs: 1000,
      });
    slot.held = true;
    slot.lastTurn = ++this.#turn;
    let released = false;
    return {
      sequence: slot.sequence,
      settled: slot.settling ?? Promise.resolve(),
      release: (work, broken = false) => {
        if (released) return;
        released = true;
        this.#release(slot, work, broken);
      },
    };
  }

  async idle(): Promise<void> {
    await Promise.all(this.#slots.map(({ settling }) => settling));
  }

  #best(tokens: readonly number[]): Slot | undefined {
    let best: Slot | undefined;
    let bestShared = -1;
    for (const slot of this.#slots) {
      if (slot.held) continue;
      // Those still working for their last holder come last.
      const shared = slot.settling !== undefined ? -0.5 : slot.sequence.sharedLength(tokens);
      if (shared > bestShared || (shared === bestShared && slot.lastTurn < best!.lastTurn)) {
        best = slot;
        bestShared = shared;
      }
    }
    return best;
  }

  #release(slot: Slot, work: Promise<unknown> | undefined, broken: boolean): void {
    slot.held = false;
    if (work === undefined && !broken) return;
    const settling = settle(slot.sequence, work, broken).then(() => {
      if (slot.settling === settling) slot.settling = undefined;
    });
    slot.settling = settling;
  }
}

interface Slot {
  readonly sequence: Sequence;
  held: boolean;
  lastTurn: number;
  /** The work of its last holder, while it runs. */
  settling?: Promise<void> | undefined;
}

async function settle(sequence: Sequence, work?: Promise<unknown>, broken = false): Promise<void> {
  let failed = broken;
  await work?.catch(() => {
    failed = true;
  });
  // A failed computation leaves unknown state.
  if (failed) await sequence.clear();
}
