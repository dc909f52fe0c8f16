import type { Llama, LlamaGrammarEvaluationState } from "node-llama-cpp";
import { addonOf } from "./library.ts";

/** How far an answer has come in a grammar. */
export class GrammarState {
  readonly #llama: Llama;
  readonly #state: LlamaGrammarEvaluationState;

  constructor(llama: Llama, state: LlamaGrammarEvaluationState) {
    this.#llama = llama;
    this.#state = state;
  }

  /** For the native sampler, which moves the state on when it has drawn a token. */
  get native(): object {
    return (this.#state as unknown as { _state: object })._state;
  }

  /** Moves on by a token that is already known. False, and nothing happens, when it does not fit. */
  accept(token: number): boolean {
    const { AddonSampler } = addonOf(this.#llama);
    if (!AddonSampler.canBeNextTokenForGrammarEvaluationState(this.native, token)) return false;
    AddonSampler.acceptGrammarEvaluationStateToken(this.native, token);
    return true;
  }

  /** Another state at the same place, which moves on its own. */
  clone(): GrammarState {
    return new GrammarState(this.#llama, this.#state.clone());
  }
}
