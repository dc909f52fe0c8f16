import { MeshError, toMeshError } from "../../core/errors/mesh-error.ts";
import { type CapabilitySet, needsOf } from "../../core/generation/capabilities.ts";
import type {
  Continuation,
  Finished,
  Generation,
  GenerationEvent,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { RouteRequest } from "./routing/filters.ts";

/** An answer that has its first token. */
export interface StartedAnswer {
  /** `started`, then the first delta that shows something or `finished`. */
  readonly head: readonly GenerationEvent[];
  readonly rest: AsyncIterator<GenerationEvent>;
  /** Releases the reservation, once: at the end of the call, or when its node is lost. */
  leave(ending: Ending): void;
}

/**
 * Starts one generation: resolves at its first token, rejects with a MeshError when there will be none. Layers around
 * it never act on a delta, which keeps the cost per token flat.
 */
export type StartAnswer = (call: Call) => Promise<StartedAnswer>;

/** How a generation ended. */
export type Ending =
  | { readonly finished: Finished; readonly error?: undefined }
  | { readonly finished?: undefined; readonly error: MeshError };

/** One generation in the router. */
export class Call implements RouteRequest {
  readonly asked: Generation;
  /** What the next node is asked for: as `asked`, until a node is lost after the first token. */
  generation: Generation;
  readonly needs: CapabilitySet;
  /** On the clock. */
  readonly receivedAt: number;
  readonly attempts: string[] = [];
  tried: string[] = [];
  /** Failed attempts at the present continuation; a node that was full has failed nothing. */
  failures = 0;
  /** Where other nodes took over the answer after its first token. */
  readonly continuations: Continuation[] = [];
  /** Tokens that came before the present node's. */
  deliveredTokens: number;
  /** Tokens of context that it takes at least, once a node with less has refused it and another node has more. */
  leastContext: number | undefined;
  /** Turns the node's `finished` into that of the whole answer; continuations are only this router's to report. */
  amend: (finished: Finished) => Finished = (finished) =>
    finished.continuations.length === 0 ? finished : { ...finished, continuations: [] };
  /** Wait for a slot, in milliseconds. */
  queuedMs = 0;
  /** From receipt to the first token, in milliseconds; undefined before it. */
  firstTokenMs: number | undefined;
  readonly #controller = new AbortController();
  readonly #listeners: ((ending: Ending) => void)[] = [];
  #ending: Ending | undefined;

  constructor(generation: Generation, receivedAt: number) {
    this.asked = generation;
    this.generation = generation;
    this.deliveredTokens = generation.resume?.tokenIds.length ?? 0;
    this.needs = needsOf(generation);
    this.receivedAt = receivedAt;
  }

  /** Aborts when the generation ends with an error, such as that its caller has left. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get userId(): string {
    return this.generation.caller?.userId ?? "";
  }

  /** Undefined while it runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  abort(reason: unknown): void {
    this.end({ error: toMeshError(reason) });
  }

  /** Calls back once at the end, the last listener first; at once when it has already ended. */
  onEnd(listener: (ending: Ending) => void): void {
    if (this.#ending === undefined) this.#listeners.push(listener);
    else listener(this.#ending);
  }

  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    if (ending.error !== undefined) this.#controller.abort(ending.error);
    for (const listener of this.#listeners.reverse()) listener(ending);
    this.#listeners.length = 0;
  }
}

/** What a generation fails with when its caller no longer reads. */
export const callerLeft = (cause?: unknown): MeshError =>
  new MeshError("cancelled", "The caller left.", { cause });
