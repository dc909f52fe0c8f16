import type { Addon, AddonGrammarState, AddonModel } from "./addon.ts";

/** The position of an answer in a grammar. */
export class GrammarState {
  readonly #addon: Addon;
  /** For the native sampler, which advances it. */
  readonly native: AddonGrammarState;

  constructor(addon: Addon, native: AddonGrammarState) {
    this.#addon = addon;
    this.native = native;
  }

  /** Advances by a known token. False, without effect, when it does not match. */
  accept(token: number): boolean {
    const { AddonSampler } = this.#addon;
    if (!AddonSampler.canBeNextTokenForGrammarEvaluationState(this.native, token)) return false;
    AddonSampler.acceptGrammarEvaluationStateToken(this.native, token);
    return true;
  }

  clone(): GrammarState {
    return new GrammarState(this.#addon, new this.#addon.AddonGrammarEvaluationState(this.native));
  }
}

/** Compiled grammars, cached by recency: the same schemas recur. */
export class Grammars {
  readonly #addon: Addon;
  readonly #model: AddonModel;
  readonly #states = new Map<string, GrammarState>();

  constructor(addon: Addon, model: AddonModel) {
    this.#addon = addon;
    this.#model = model;
  }

  /** A state at the beginning of a GBNF grammar. */
  begin(gbnf: string): GrammarState {
    const state = this.#states.get(gbnf) ?? this.#compile(gbnf);
    this.#states.delete(gbnf);
    this.#states.set(gbnf, state);
    if (this.#states.size > capacity) this.#states.delete(this.#states.keys().next().value!);
    return state.clone();
  }

  #compile(gbnf: string): GrammarState {
    const { AddonGrammar, AddonGrammarEvaluationState } = this.#addon;
    const grammar = new AddonGrammar(gbnf, { addonExports: this.#addon });
    return new GrammarState(this.#addon, new AddonGrammarEvaluationState(this.#model, grammar));
  }
}

const capacity = 64;
