import type { Llama, LlamaModel } from "node-llama-cpp";
import { GrammarState } from "./grammar.ts";
import { loadModule } from "./module.ts";

/** Compiled grammars, the most recently used ones kept: the same schemas come again and again. */
export class GrammarCache {
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  readonly #states = new Map<string, GrammarState>();

  constructor(llama: Llama, model: LlamaModel) {
    this.#llama = llama;
    this.#model = model;
  }

  /** A fresh state at the beginning of a grammar given as GBNF. */
  async begin(gbnf: string): Promise<GrammarState> {
    const state = this.#states.get(gbnf) ?? (await this.#compile(gbnf));
    this.#states.delete(gbnf);
    this.#states.set(gbnf, state);
    if (this.#states.size > capacity) this.#states.delete(this.#states.keys().next().value!);
    return state.clone();
  }

  async #compile(gbnf: string): Promise<GrammarState> {
    const { LlamaGrammarEvaluationState } = await loadModule();
    const grammar = await this.#llama.createGrammar({ grammar: gbnf });
    return new GrammarState(this.#llama, new LlamaGrammarEvaluationState({ model: this.#model, grammar }));
  }
}

const capacity = 64;
