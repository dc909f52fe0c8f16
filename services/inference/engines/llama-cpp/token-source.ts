import type { TokenLikelihood } from "./answer/token-buffer.ts";
import type { AddonContext, AddonSampler, LogitsFilter } from "./native/addon.ts";
import type { GrammarState } from "./native/grammars.ts";
import type { NativeModel } from "./native/native-model.ts";
import type { Sequence } from "./native/sequence.ts";
import type { PreparedGeneration } from "./prepare.ts";
import type { TokenRule } from "./sampling.ts";

/** A sampled token. */
export interface DrawnToken {
  readonly token: number;
  /** Absent unless requested. */
  readonly likelihood: TokenLikelihood | undefined;
}

/** Samples the tokens of one generation, one native step each. */
export class TokenSource {
  readonly #sequence: Sequence;
  readonly #rule: TokenRule;
  readonly #alternatives: number | undefined;
  readonly #context: AddonContext;
  readonly #sampler: AddonSampler;
  /** Greedy and unconstrained, to read the model's own logits. */
  readonly #bare: AddonSampler | undefined;

  constructor(model: NativeModel, sequence: Sequence, { rule, alternatives }: PreparedGeneration) {
    this.#sequence = sequence;
    this.#rule = rule;
    this.#alternatives = alternatives;
    this.#context = model.context.native;
    this.#sampler = model.createSampler();
    if (alternatives === undefined) return;
    this.#bare = model.createSampler();
    this.#bare.applyConfig({ temperature: 0 });
  }

  /** Computes `latest` and samples the token after `tokens`: within the grammar, if any, and none of `excluded`. */
  async next(
    latest: number,
    tokens: readonly number[],
    grammar: GrammarState | undefined,
    excluded: readonly number[],
  ): Promise<DrawnToken> {
    this.#sampler.applyConfig({
      ...this.#rule.at(tokens, excluded),
      ...(grammar === undefined ? {} : { grammarEvaluationState: grammar.native }),
    });
    return this.#sequence.evaluate([latest], (place) => this.#draw(place));
  }

  /** Frees native memory. Call it only while idle. */
  dispose(): void {
    this.#sampler.dispose();
    this.#bare?.dispose();
  }

  async #draw(place: number): Promise<DrawnToken> {
    const token = await this.#context.sampleToken(place, this.#sampler);
    if (!(token >= 0)) throw new Error("no token could be drawn");
    return { token, likelihood: await this.#likelihood(place, token) };
  }

  async #likelihood(place: number, token: number): Promise<TokenLikelihood | undefined> {
    if (this.#bare === undefined || this.#alternatives === undefined) return undefined;
    const filter: LogitsFilter = [[token], false, false, false, Math.max(1, this.#alternatives)];
    const sample = await this.#context.sampleToken(place, this.#bare, false, false, filter, true);
    const [, , , logits, weight] = sample;
    // The best come first, then the sampled one; `weight` is relative to the very best.
    const scale = logits[1]! + Math.log(weight);
    const known = Math.min(this.#alternatives, logits.length / 2 - 1);
    const top = Array.from({ length: known }, (_, index) => ({
      token: logits[2 * index]!,
      logprob: logits[2 * index + 1]! - scale,
    }));
    return { logprob: logits.at(-1)! - scale, top };
  }
}
