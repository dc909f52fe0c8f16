import type { Addon, AddonGrammarState, AddonModel } from "./addon.ts";

/** How far an answer has come in a grammar. */
export class GrammarState {
  readonly #addon: Addon;
  /** For the native sampler, which moves the state on when it has drawn a token. */
  readonly native: AddonGrammarState;

  constructor(addon: Addon, native: AddonGrammarState) {
    this.#addon = addon;
    this.native = native;
  }

  /** Moves on by a token that is already known. False, and nothing happens, when it does not fit. */
  accept(token: number): boolean {
    const { AddonSampler } = this.#addon;
    if (!AddonSampler.canBeNextTokenForGrammarEvaluationState(this.native, token)) return false;
    AddonSampler.acceptGrammarEvaluationStateToken(this.native, token);
    return true;
  }

  /** Another state at the same place, which moves on its own. */
  clone(): GrammarState {
    return new GrammarState(this.#addon, new this.#addon.AddonGrammarEvaluationState(this.native));
  }
}

/** Compiled grammars, the most recently used ones kept: the same schemas come again and again. */
export class Grammars {
  readonly #addon: Addon;
  readonly #model: AddonModel;
  readonly #states = new Map<string, GrammarState>();

  constructor(addon: Addon, model: AddonModel) {
    this.#addon = addon;
    this.#model = model;
  }

  /** A fresh state at the beginning of a grammar given as GBNF. */
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
