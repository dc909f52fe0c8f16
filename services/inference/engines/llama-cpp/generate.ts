import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { finishedEvent, startedEvent } from "../../../../core/generation/events.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { AnswerReader } from "./answer/answer-reader.ts";
import { deltaEvent, TokenBuffer, type TokenLikelihood } from "./answer/token-buffer.ts";
import { TokenHealing } from "./answer/token-healing.ts";
import type { LoadedModel } from "./load-model.ts";
import type { GrammarState } from "./native/grammars.ts";
import type { HeldSequence } from "./native/sequence-pool.ts";
import { type PreparedGeneration, prepare } from "./prepare.ts";
import { inSlices, type Sliced } from "./prompt/in-slices.ts";
import { StepWatch } from "./step-watch.ts";
import { TokenSource } from "./token-source.ts";

/**
 * Answers one generation:
 *     prepare ──▶ take a sequence ──▶ started ──▶ prefill ──▶ a token, a token, … ──▶ finished
 * The sequence is released at once however it ends; a native step that still runs ends in the background.
 */
export async function* generate(
  generation: Generation,
  model: LoadedModel,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  signal.throwIfAborted();
  const prepared = await inSlices(prepare(generation, model), signal);
  const run = new Run(generation, prepared, model, signal);
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

class Run {
  /** True when the sequence's state is no longer reliable. */
  broken = false;
  readonly #prepared: PreparedGeneration;
  readonly #model: LoadedModel;
  readonly #held: HeldSequence;
  readonly #signal: AbortSignal;
  readonly #watch: StepWatch;
  readonly #reader: AnswerReader;
  readonly #buffer: TokenBuffer;
  readonly #healing: TokenHealing;
  /** The tokens that sampling sees: those of the answer, after those of the text that it continues. */
  readonly #past: number[];
  #source: TokenSource | undefined;
  #grammar: GrammarState | undefined;
  #cachedTokens = 0;
  #released = false;

  /** Takes a sequence. Throws `saturated` when none is free. */
  constructor(generation: Generation, prepared: PreparedGeneration, model: LoadedModel, signal: AbortSignal) {
    this.#prepared = prepared;
    this.#model = model;
    this.#held = model.pool.take(
      [...prepared.prompt, ...prepared.resumed],
      generation.caller?.cacheSalt ?? "",
    );
    this.#signal = signal;
    this.#watch = new StepWatch(signal, model.clock);
    this.#reader = new AnswerReader(prepared.reading);
    this.#buffer = new TokenBuffer(generation.id, model.vocabulary, this.#reader, {
      continuesText: generation.rawPrompt !== undefined || prepared.partial.tokens.length > 0,
    });
    this.#healing = new TokenHealing(prepared.partial.lastWord, model);
    this.#past = [...prepared.partial.kept];
  }

  async *events(): AsyncGenerator<GenerationEvent> {
    yield* this.#watch.run(() => this.#held.settled);
    await inSlices(this.#replay(), this.#signal);
    if (!this.#isOver()) {
      yield* this.#prefill();
      yield* this.#answer();
    }
    const finished = this.#finished();
    // The consumer may start the next answer in the same turn, before this iteration ends.
    this.release();
    yield finished;
  }

  /** Releases everything; native objects only once they are idle. Idempotent. */
  readonly release = (): void => {
    if (this.#released) return;
    this.#released = true;
    this.#watch.close();
    const work = this.#watch.unsettled;
    this.#held.release(work, this.broken);
    const source = this.#source;
    const dispose = () => source?.dispose();
    if (work === undefined) dispose();
    else void work.then(dispose, dispose);
  };

  *#replay(): Sliced<void> {
    const { plan, partial, resumed } = this.#prepared;
    if (plan.answer !== undefined) this.#grammar = this.#model.native.grammars.begin(plan.answer);
    yield* checkForm(partial.tokens, this.#grammar?.clone());
    yield* checkForm(partial.kept, this.#grammar);
    for (const token of resumed) {
      yield* checkForm([token], this.#grammar);
      this.#accept(token);
      yield;
    }
    this.#buffer.skip();
  }

  /** Computes the prompt in chunks of about `chunkMs` each, because a native step cannot be aborted. */
  async *#prefill(): AsyncGenerator<GenerationEvent> {
    const { prompt, resumed } = this.#prepared;
    const { sequence } = this.#held;
    const { clock } = this.#model;
    const needed = [...prompt, ...resumed].slice(0, -1);
    yield* this.#watch.run(() => sequence.keep(needed));
    this.#cachedTokens = Math.min(sequence.length, prompt.length);
    let chunkTokens = firstChunkTokens;
    while (sequence.length < needed.length) {
      const chunk = needed.slice(sequence.length, sequence.length + chunkTokens);
      const tookMs = yield* this.#watch.run(async () => {
        const startedAt = clock.now();
        await sequence.compute(chunk);
        return clock.now() - startedAt;
      });
      if (tookMs > 2 * chunkMs) chunkTokens = Math.max(leastChunkTokens, chunkTokens >> 1);
      else if (tookMs < chunkMs / 2) chunkTokens = Math.min(mostChunkTokens, chunkTokens << 1);
      yield this.#watch.sign();
    }
  }

  async *#answer(): AsyncGenerator<GenerationEvent> {
    const { prompt, resumed } = this.#prepared;
    const { native } = this.#model;
    this.#signal.throwIfAborted();
    const source = new TokenSource(native, this.#held.sequence, this.#prepared);
    this.#source = source;
    let latest = resumed.at(-1) ?? prompt.at(-1)!;
    while (!this.#isOver()) {
      const excluded = this.#healing.excluded();
      const drawn = yield* this.#watch.run(() => source.next(latest, this.#past, this.#grammar, excluded));
      if (native.isEnd(drawn.token)) break;
      latest = drawn.token;
      this.#grammar?.follow(latest);
      this.#accept(latest, drawn.likelihood);
      if (this.#isOver()) break;
      const delta = this.#buffer.take();
      if (delta === undefined) continue;
      this.#watch.shown();
      yield deltaEvent(delta);
    }
    this.#buffer.end();
    const rest = this.#buffer.take();
    if (rest !== undefined) yield deltaEvent(rest);
  }

  /** Records a token that the grammar, if any, has accepted, and switches grammars where calls open or end. */
  #accept(token: number, likelihood?: TokenLikelihood): void {
    this.#past.push(token);
    const skippedBytes = this.#healing.take(token);
    if (skippedBytes > 0 && skippedBytes === this.#model.vocabulary.bytesOf(token).length) return;
    this.#buffer.push(token, likelihood, skippedBytes);
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
    return this.#reader.over !== undefined || this.#buffer.tokens.length >= this.#prepared.maxTokens;
  }

  #finished(): GenerationEvent {
    const usage = {
      promptTokens: this.#prepared.promptTokens,
      completionTokens: this.#buffer.tokens.length,
      cachedTokens: this.#cachedTokens,
      reasoningTokens: this.#buffer.reasoningTokens,
    };
    return finishedEvent(this.#finishReason(), usage, this.#reader.stop);
  }

  #finishReason(): FinishReason {
    const isCut = this.#reader.over === undefined && this.#buffer.tokens.length >= this.#prepared.maxTokens;
    if (isCut) return FinishReason.LENGTH;
    return this.#reader.completeCalls > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
  }
}

/** Advances a grammar by tokens that another engine has delivered. */
function* checkForm(tokens: readonly number[], grammar: GrammarState | undefined): Sliced<void> {
  if (grammar === undefined) return;
  for (const token of tokens) {
    if (!grammar.accept(token))
      throw new MeshError("engine_failed", "The answer to continue does not match its required format.");
    yield;
  }
}

const chunkMs = 200;
const firstChunkTokens = 128;
const leastChunkTokens = 16;
const mostChunkTokens = 512;
