import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { finishedEvent, signOfLife, startedEvent } from "../../../../core/generation/events.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { AnswerLedger } from "./answer/answer-ledger.ts";
import { AnswerReader } from "./answer/answer-reader.ts";
import { deltaEvent, type TokenLikelihood } from "./answer/delta.ts";
import { Seam } from "./answer/seam.ts";
import type { LoadedModel } from "./load-model.ts";
import type { GrammarState } from "./native/grammars.ts";
import type { HeldSequence } from "./native/sequence-pool.ts";
import { Prefill } from "./prefill.ts";
import { type PreparedGeneration, prepare } from "./prepare.ts";
import { beat, StepWatch } from "./step-watch.ts";
import { TokenSource } from "./token-source.ts";

/**
 * Answers one generation:
 *
 *     prepare ──▶ take a sequence ──▶ started ──▶ compute the prompt ──▶ a token, a token, … ──▶ finished
 *
 * Whatever ends it gives the sequence back at once, an abort even while nobody reads; a native step that is still
 * going on then ends behind it.
 */
export async function* generate(
  generation: Generation,
  model: LoadedModel,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  signal.throwIfAborted();
  const run = new Run(generation, prepare(generation, model), model, signal);
  signal.addEventListener("abort", run.release);
  try {
    yield startedEvent("", model.fingerprint);
    yield* run.events();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof MeshError) throw error;
    run.broken = true;
    throw new MeshError("engine_failed", "The embedded engine failed at this answer.", { cause: error });
  } finally {
    signal.removeEventListener("abort", run.release);
    run.release();
  }
}

/** One generation that holds a sequence. */
class Run {
  /** True when the sequence's state can no longer be trusted. */
  broken = false;
  readonly #prepared: PreparedGeneration;
  readonly #model: LoadedModel;
  readonly #held: HeldSequence;
  readonly #signal: AbortSignal;
  readonly #watch: StepWatch;
  readonly #reader: AnswerReader;
  readonly #ledger: AnswerLedger;
  readonly #seam: Seam;
  /** What sampling looks back on: the tokens of the answer behind those of the text that it goes on from. */
  readonly #past: number[];
  #source: TokenSource | undefined;
  #grammar: GrammarState | undefined;
  #cachedTokens = 0;
  #released = false;

  /** Takes a sequence. Throws `saturated` when there is none. */
  constructor(generation: Generation, prepared: PreparedGeneration, model: LoadedModel, signal: AbortSignal) {
    this.#prepared = prepared;
    this.#model = model;
    this.#held = model.pool.take([...prepared.prompt, ...prepared.resumed]);
    this.#signal = signal;
    this.#watch = new StepWatch(signal, model.clock);
    this.#reader = new AnswerReader(prepared.reading);
    this.#ledger = new AnswerLedger(generation.id, model.vocabulary, this.#reader, {
      continuesText: generation.rawPrompt !== undefined || prepared.written.tokens.length > 0,
    });
    this.#seam = new Seam(prepared.written.lastWord, model);
    this.#past = [...prepared.written.kept];
  }

  async *events(): AsyncGenerator<GenerationEvent> {
    yield* this.#beats(() => this.#held.settled);
    this.#replay();
    if (!this.#isOver()) {
      yield* this.#prefill();
      yield* this.#answer();
    }
    const finished = this.#finished();
    // Whoever reads this may begin the next answer in the same turn, before this iteration has ended.
    this.release();
    yield finished;
  }

  /** Gives everything back; native parts only when nothing works with them any more. Harmless the second time. */
  readonly release = (): void => {
    if (this.#released) return;
    this.#released = true;
    this.#watch.close();
    const work = this.#watch.unsettled;
    this.#held.release(work, this.broken);
    const source = this.#source;
    if (work === undefined) source?.dispose();
    else
      void work.then(
        () => source?.dispose(),
        () => source?.dispose(),
      );
  };

  /** Takes what another engine has delivered as if it had been drawn here. */
  #replay(): void {
    const { plan, written, resumed } = this.#prepared;
    if (plan.answer !== undefined) this.#grammar = this.#model.native.grammars.begin(plan.answer);
    checkForm(written.tokens, this.#grammar?.clone());
    checkForm(written.kept, this.#grammar);
    for (const token of resumed) {
      checkForm([token], this.#grammar);
      this.#accept(token);
    }
    this.#ledger.skip();
  }

  async *#prefill(): AsyncGenerator<GenerationEvent> {
    const { prompt, resumed } = this.#prepared;
    const needed = [...prompt, ...resumed].slice(0, -1);
    const prefill = new Prefill(this.#held.sequence, this.#model.clock);
    yield* this.#beats(() => prefill.keep(needed));
    this.#cachedTokens = Math.min(prefill.computed, prompt.length);
    while (prefill.computed < needed.length) {
      yield* this.#beats(() => prefill.advance(needed));
      yield this.#sign();
    }
  }

  async *#answer(): AsyncGenerator<GenerationEvent> {
    const { prompt, resumed, rule, alternatives } = this.#prepared;
    const { native, tokenizer } = this.#model;
    this.#signal.throwIfAborted();
    const source = new TokenSource(native, { sequence: this.#held.sequence, rule, alternatives });
    this.#source = source;
    let latest = resumed.at(-1) ?? prompt.at(-1)!;
    while (!this.#isOver()) {
      const unfit = this.#seam.unfit();
      const step = this.#watch.begin(() => source.next(latest, this.#past, this.#grammar, unfit));
      let drawn = await this.#watch.wait(step);
      while (drawn === beat) {
        yield this.#sign();
        drawn = await this.#watch.wait(step);
      }
      if (tokenizer.isEnd(drawn.token)) break;
      latest = drawn.token;
      this.#accept(latest, drawn.likelihood);
      if (this.#isOver()) break;
      const parts = this.#ledger.take();
      if (parts === undefined) continue;
      this.#watch.shown();
      yield deltaEvent(parts);
    }
    this.#ledger.end();
    const rest = this.#ledger.take();
    if (rest !== undefined) yield deltaEvent(rest);
  }

  /** Notes a token that the grammar, if any, has accepted, and changes the grammar where the answer asks for it. */
  #accept(token: number, likelihood?: TokenLikelihood): void {
    this.#past.push(token);
    const skippedBytes = this.#seam.take(token);
    if (skippedBytes > 0 && skippedBytes === this.#model.vocabulary.bytesOf(token).length) return;
    this.#ledger.push(token, likelihood, skippedBytes);
    const { answer, call } = this.#prepared.plan;
    if (answer !== undefined || call === undefined) return;
    if (!this.#reader.inTrustedCall) this.#grammar = undefined;
    const opened = this.#reader.openedCall;
    if (opened === undefined) return;
    const grammar = this.#model.native.grammars.begin(call);
    if (!this.#model.tokenizer.encodeText(opened).every((written) => grammar.accept(written))) return;
    this.#grammar = grammar;
    this.#reader.trustCall();
  }

  #isOver(): boolean {
    return this.#reader.over !== undefined || this.#ledger.tokens.length >= this.#prepared.maxTokens;
  }

  /** Does one step, with signs of life while it takes long. */
  async *#beats(work: () => Promise<unknown>): AsyncGenerator<GenerationEvent> {
    const step = this.#watch.begin(work);
    while ((await this.#watch.wait(step)) === beat) yield this.#sign();
  }

  #sign(): GenerationEvent {
    this.#watch.shown();
    return signOfLife();
  }

  #finished(): GenerationEvent {
    const usage = {
      promptTokens: this.#prepared.promptTokens,
      completionTokens: this.#ledger.tokens.length,
      cachedTokens: this.#cachedTokens,
      reasoningTokens: this.#ledger.reasoningTokens,
    };
    return finishedEvent(this.#reason(), usage, this.#reader.stop);
  }

  #reason(): FinishReason {
    const isCut = this.#reader.over === undefined && this.#ledger.tokens.length >= this.#prepared.maxTokens;
    if (isCut) return FinishReason.LENGTH;
    return this.#reader.completeCalls > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
  }
}

/** Moves a grammar on by tokens that another engine has delivered. */
function checkForm(tokens: readonly number[], grammar: GrammarState | undefined): void {
  if (grammar === undefined || tokens.every((token) => grammar.accept(token))) return;
  throw new MeshError("engine_failed", "The answer to continue does not have the form that it is held to.");
}
