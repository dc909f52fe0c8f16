import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Sequence } from "./sequence.ts";

/** A sequence that one generation holds. */
export interface HeldSequence {
  /** Use it only once `settled`; before, it may still change. */
  readonly sequence: Sequence;
  /** Resolves once whatever the last holder left at work has ended. */
  readonly settled: Promise<void>;
  /**
   * Gives the sequence back at once; harmless the second time. `work` is what of it is still going on: the next
   * holder waits for that. `broken`: its state cannot be trusted any more.
   */
  release(work?: Promise<unknown>, broken?: boolean): void;
}

/**
 * The sequences of a context. They keep what they have computed, so that a conversation that goes on, or another
 * one that begins alike, need not be computed again.
 */
export class SequencePool {
  readonly #slots: Slot[];
  #turn = 0;

  constructor(sequences: readonly Sequence[]) {
    this.#slots = sequences.map((sequence) => ({
      sequence,
      held: false,
      settled: Promise.resolve(),
      working: false,
      lastTurn: 0,
    }));
  }

  /** Sequences that nobody holds. */
  get free(): number {
    return this.#slots.filter(({ held }) => !held).length;
  }

  /**
   * Takes the free sequence that shares the longest beginning with these tokens; of equal ones, the one that
   * rested longest. Throws `saturated` when all are held: who calls counts slots.
   */
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
      settled: slot.settled,
      release: (work, broken = false) => {
        if (released) return;
        released = true;
        this.#release(slot, work, broken);
      },
    };
  }

  /** Resolves once no sequence works any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#slots.map(({ settled }) => settled));
  }

  #best(tokens: readonly number[]): Slot | undefined {
    let best: Slot | undefined;
    let bestShared = -1;
    for (const slot of this.#slots) {
      if (slot.held) continue;
      // One that is still at work for its last holder only when there is no other.
      const shared = slot.working ? -0.5 : slot.sequence.sharedLength(tokens);
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
    slot.working = true;
    const settling = settle(slot, work, broken).finally(() => {
      if (slot.settled === settling) slot.working = false;
    });
    slot.settled = settling;
  }
}

interface Slot {
  readonly sequence: Sequence;
  held: boolean;
  settled: Promise<void>;
  working: boolean;
  lastTurn: number;
}

async function settle(slot: Slot, work: Promise<unknown> | undefined, broken: boolean): Promise<void> {
  let failed = broken;
  await work?.catch(() => {
    failed = true;
  });
  // What a computation that failed half-way has left cannot be known.
  if (failed) await slot.sequence.clear();
}
