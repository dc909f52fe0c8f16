import type { Clock, Timer } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { AnswerCheck } from "../../../core/generation/answer-check.ts";
import { EncodedEvent, measureText, type TextSize } from "../../../core/relay/encoded-event.ts";
import { type LinkedController, linkSignal } from "../../../core/streams/link-signal.ts";
import { type PushEnd, type PushSource, pull, pushTo, type Sink } from "../../../core/streams/push.ts";
import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { RoutedCall } from "../call.ts";
import { theNode, toNodeFailure } from "./node-failure.ts";

/** How to read a node's answer. */
export interface NodeAnswerOptions {
  readonly call: RoutedCall;
  readonly generate: Generate;
  readonly clock: Clock;
  /** How long the node may show nothing new, in milliseconds, whatever signs of life it gives. */
  readonly progressTimeoutMs: number;
  /** Called with every breach of the contract; the message says what the node did. */
  readonly onBreach: (error: MeshError) => void;
}

/** Looks at the progress within its time limit. */
const looks = 4;
/** How close to the caller's time limit a node may report that it is over. */
const deadlineMarginMs = 1000;
/** Filled by `measureText`: an object for each token would cost more than the measuring. */
const size: TextSize = { bytes: 0, tokens: 0 };

/**
 * A node's answer to one attempt, as far as the router lets it through. A node may run any program, so what its own guard
 * would bound is bounded here: order, size, tool calls, usage, the time without progress, and what its errors say.
 * Text passes undecoded, for the price of measuring it.
 */
export class NodeAnswer implements PushSource<GenerationEvent>, Sink<GenerationEvent> {
  readonly check: AnswerCheck;
  readonly #options: NodeAnswerOptions;
  readonly #scope: LinkedController;
  readonly #source: AsyncIterator<GenerationEvent>;
  readonly #watch: Timer;
  #sink: Sink<GenerationEvent> | undefined;
  #isRead = false;
  #lastProgress = 0;
  #idleLooks = 0;

  /** Asks the node at once. Throws `node_lost` when its relay has ended. */
  constructor(options: NodeAnswerOptions) {
    const { call, generate, clock, progressTimeoutMs } = options;
    this.#options = options;
    this.check = new AnswerCheck(call.generation, theNode, { cutsUsage: true });
    this.#scope = linkSignal(call.signal);
    this.#watch = clock.every(progressTimeoutMs / looks, () => this.#look());
    try {
      this.#source = generate(call.generation, this.#scope.signal)[Symbol.asyncIterator]();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  next(): Promise<IteratorResult<GenerationEvent, undefined>> {
    return pull(this);
  }

  async pushTo(sink: Sink<GenerationEvent>): Promise<PushEnd> {
    this.#sink = sink;
    this.#isRead = true;
    try {
      const end = await pushTo(this.#source, this);
      if (end === "ended" && !this.check.isFinished) throw this.check.incomplete();
      return end;
    } catch (error) {
      throw this.#judge(error);
    } finally {
      this.#isRead = false;
    }
  }

  take(event: GenerationEvent): boolean {
    let passed = event;
    try {
      if (event instanceof EncodedEvent && measureText(event, size))
        this.check.acceptText(size.bytes, size.tokens);
      else passed = this.check.accept(event);
    } catch (error) {
      this.#options.onBreach(toMeshError(error));
      throw error;
    }
    return this.#sink!.take(passed);
  }

  async return(): Promise<IteratorResult<GenerationEvent, undefined>> {
    await this.#source.return?.();
    return { value: undefined, done: true };
  }

  /** Stops watching. Call it at the end, whatever it is. */
  close(): void {
    this.#watch.cancel();
    this.#scope.unlink();
  }

  #judge(thrown: unknown): MeshError {
    const { call, clock, onBreach } = this.#options;
    const timeoutMs = call.generation.limits?.timeoutMs ?? Number.POSITIVE_INFINITY;
    const mayBeLate = clock.now() - call.receivedAt >= timeoutMs - deadlineMarginMs;
    const { error, isBreach } = toNodeFailure(thrown, mayBeLate);
    if (isBreach) onBreach(error);
    return error;
  }

  #look(): void {
    const { progress } = this.check;
    const isIdle = this.#isRead && progress === this.#lastProgress;
    this.#lastProgress = progress;
    this.#idleLooks = isIdle ? this.#idleLooks + 1 : 0;
    if (this.#idleLooks < looks) return;
    const { progressTimeoutMs } = this.#options;
    const message = `${theNode} gave signs of life, and nothing else for ${progressTimeoutMs / 1000} s.`;
    this.#scope.abort(new MeshError("node_lost", message));
  }
}
