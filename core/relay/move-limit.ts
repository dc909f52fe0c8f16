import type { SilentGeneration } from "./contract.ts";

/** How often suspicion moves one generation before it has shown something, and in all. */
const movesBeforeBegun = 1;
const moves = 3;
/** The most generations that are remembered; beyond, the one that moved first is forgotten. */
const memory = 10_000;

/**
 * Bounds how often suspicion moves a generation. After that it waits for its peer: on a busy machine peers fall silent
 * in turn, and each move does work again.
 */
export class MoveLimit {
  readonly #moved = new Map<string, number>();

  /** Moves a generation if it may move and something can take it; counts it then. */
  tryMove({ generation: { id }, hasBegun }: SilentGeneration, canMove: () => boolean): boolean {
    const moved = this.#moved.get(id) ?? 0;
    if (moved >= (hasBegun ? moves : movesBeforeBegun) || !canMove()) return false;
    this.#moved.set(id, moved + 1);
    const [oldest] = this.#moved.keys();
    if (this.#moved.size > memory && oldest !== undefined) this.#moved.delete(oldest);
    return true;
  }
}
