import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import { GrammarWalk, type ParsedGrammar, parseGbnf, SchemaError } from "../../gbnf/index.ts";
import { Utf8Stream } from "../../text/utf8-stream.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { Addon, AddonGrammarState, AddonModel } from "./addon.ts";

/**
 * The position of an answer in a grammar. Native code keeps it, and cannot be stopped once what is open has
 * grown too much; so it is followed here as well, one token ahead.
 */
export class GrammarState {
  readonly #addon: Addon;
  readonly #vocabulary: Pick<Vocabulary, "bytesOf">;
  /** For the native sampler, which advances it. */
  readonly native: AddonGrammarState;
  readonly #walk: GrammarWalk;
  readonly #utf8: Utf8Stream;

  constructor(
    addon: Addon,
    vocabulary: Pick<Vocabulary, "bytesOf">,
    native: AddonGrammarState,
    walk: GrammarWalk,
    utf8 = new Utf8Stream(),
  ) {
    this.#addon = addon;
    this.#vocabulary = vocabulary;
    this.native = native;
    this.#walk = walk;
    this.#utf8 = utf8;
  }

  /**
   * Advances by a known token. False, without effect, when it does not match. Throws `invalid_request` when
   * too much is open after it.
   */
  accept(token: number): boolean {
    const { AddonSampler } = this.#addon;
    if (!AddonSampler.canBeNextTokenForGrammarEvaluationState(this.native, token)) return false;
    this.follow(token);
    AddonSampler.acceptGrammarEvaluationStateToken(this.native, token);
    return true;
  }

  /** Records a token that the native sampler has drawn. Throws `invalid_request` when too much is open after it. */
  follow(token: number): void {
    try {
      this.#walk.take(this.#utf8.push(this.#vocabulary.bytesOf(token)));
      if (this.#walk.open >= manyOpen) this.#walk.lookAhead(charactersAhead);
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      throw new MeshError(
        "invalid_request",
        `The answer cannot be held to its format any longer: ${error.message}.`,
      );
    }
  }

  clone(): GrammarState {
    const native = new this.#addon.AddonGrammarEvaluationState(this.native);
    return new GrammarState(this.#addon, this.#vocabulary, native, this.#walk.clone(), this.#utf8.clone());
  }
}

/** Compiled grammars, cached by recency: the same schemas recur. */
export class Grammars {
  readonly #addon: Addon;
  readonly #model: AddonModel;
  readonly #vocabulary: Pick<Vocabulary, "bytesOf">;
  readonly #compiled = new Map<string, Compiled>();
  #characters = 0;

  constructor(addon: Addon, model: AddonModel, vocabulary: Pick<Vocabulary, "bytesOf">) {
    this.#addon = addon;
    this.#model = model;
    this.#vocabulary = vocabulary;
  }

  /** A state at the beginning of a grammar that `GrammarBuilder` built. */
  begin(gbnf: string): GrammarState {
    const compiled = this.#compiled.get(gbnf) ?? this.#compile(gbnf);
    if (!this.#compiled.delete(gbnf)) this.#characters += gbnf.length;
    this.#compiled.set(gbnf, compiled);
    for (const oldest of this.#compiled.keys()) {
      if (this.#compiled.size <= capacity && this.#characters <= capacityCharacters) break;
      this.#compiled.delete(oldest);
      this.#characters -= oldest.length;
    }
    const native = new this.#addon.AddonGrammarEvaluationState(compiled.native);
    return new GrammarState(this.#addon, this.#vocabulary, native, new GrammarWalk(compiled.parsed.root));
  }

  #compile(gbnf: string): Compiled {
    const { AddonGrammar, AddonGrammarEvaluationState } = this.#addon;
    const grammar = new AddonGrammar(gbnf, { addonExports: this.#addon });
    return { native: new AddonGrammarEvaluationState(this.#model, grammar), parsed: parseGbnf(gbnf) };
  }
}

interface Compiled {
  readonly native: AddonGrammarState;
  readonly parsed: ParsedGrammar;
}

const capacity = 64;
/** Compiled, a character takes up to 100 bytes. */
const capacityCharacters = 1024 * 1024;

/** With fewer, what a single token opens is bearable, too. */
const manyOpen = 16;
/** Tokens that open more with each of their characters, such as `[[`, are shorter. */
const charactersAhead = 8;
