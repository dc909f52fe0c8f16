import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { Clock } from "../../../../core/clock.ts";
import type { Gate } from "./native/gate.ts";

/**
 * Computes the beginning of a prompt, in chunks: one native step each, so that an abort need not wait for all of
 * it. Chunks grow and shrink to what the machine computes in a fifth of a second.
 */
export class Prefill {
  readonly #sequence: LlamaContextSequence;
  readonly #gate: Gate;
  readonly #clock: Clock;
  #chunkTokens = firstChunkTokens;

  constructor(sequence: LlamaContextSequence, gate: Gate, clock: Clock) {
    this.#sequence = sequence;
    this.#gate = gate;
    this.#clock = clock;
  }

  /** Forgets what differs from these tokens; what is left of them need not be computed. */
  async keep(tokens: readonly number[]): Promise<void> {
    await this.#gate.exclusive(() => this.#sequence.adaptStateToTokens(tokens as Token[], false));
  }

  /** Tokens that are computed. */
  get computed(): number {
    return this.#sequence.nextTokenIndex;
  }

  /** Computes the next chunk of these tokens. */
  async advance(tokens: readonly number[]): Promise<void> {
    await this.#gate.open();
    const begunAt = this.#clock.now();
    const chunk = tokens.slice(this.computed, this.computed + this.#chunkTokens);
    await this.#sequence.evaluateWithoutGeneratingNewTokens(chunk as Token[], { evaluationPriority: 3 });
    const tookMs = this.#clock.now() - begunAt;
    if (tookMs > 2 * chunkMs) this.#chunkTokens = Math.max(leastChunkTokens, this.#chunkTokens >> 1);
    else if (tookMs < chunkMs / 2) this.#chunkTokens = Math.min(mostChunkTokens, this.#chunkTokens << 1);
  }
}

const chunkMs = 200;
const firstChunkTokens = 128;
const leastChunkTokens = 16;
const mostChunkTokens = 512;
