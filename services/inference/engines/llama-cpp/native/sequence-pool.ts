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

/**
 * The sequences of a context. They keep what they have computed, so prompts with a common beginning reuse it: those with
 * the same salt, to which others' prompts are as unknown as if they had never been computed.
 */
export class SequencePool {
  readonly #slots: Slot[];
  #turn = 0;

  constructor(sequences: readonly Sequence[]) {
    this.#slots = sequences.map((sequence) => ({ sequence, salt: "", held: false, lastTurn: 0 }));
  }

  get free(): number {
    return this.#slots.filter(({ held }) => !held).length;
  }

  /**
   * Takes the free sequence with the longest common prefix of the same salt, then the least recently used, which forgets
   * what it holds of another salt. Throws `saturated`.
   */
  take(tokens: readonly number[], salt: string): HeldSequence {
    const slot = this.#best(tokens, salt);
    if (slot === undefined)
      throw new MeshError("saturated", "All slots of the engine are busy. Try again later.", {
        retryAfterMs: 1000,
      });
    slot.held = true;
    slot.lastTurn = ++this.#turn;
    if (slot.salt !== salt) {
      slot.salt = salt;
      settle(
        slot,
        (slot.settling ?? Promise.resolve()).then(() => slot.sequence.clear()),
      );
    }
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

  #best(tokens: readonly number[], salt: string): Slot | undefined {
    let best: Slot | undefined;
    let bestShared = -1;
    for (const slot of this.#slots) {
      if (slot.held) continue;
      // Those still working for their last holder come last.
      const known = slot.salt === salt ? slot.sequence.sharedLength(tokens) : 0;
      const shared = slot.settling !== undefined ? -0.5 : known;
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
    settle(slot, recover(slot.sequence, work, broken));
  }
}

interface Slot {
  readonly sequence: Sequence;
  /** Of what the sequence holds. */
  salt: string;
  held: boolean;
  lastTurn: number;
  /** What the next holder waits for, while it runs. Never rejects. */
  settling?: Promise<void> | undefined;
}

function settle(slot: Slot, work: Promise<void>): void {
  const settling = work.then(() => {
    if (slot.settling === settling) slot.settling = undefined;
  });
  slot.settling = settling;
}

async function recover(sequence: Sequence, work?: Promise<unknown>, broken = false): Promise<void> {
  let failed = broken;
  await work?.catch(() => {
    failed = true;
  });
  // A failed computation leaves unknown state.
  if (failed) await sequence.clear();
}
