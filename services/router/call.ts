import { MeshError, toMeshError } from "../../core/errors/mesh-error.ts";
import { type CapabilitySet, needsOf } from "../../core/generation/capabilities.ts";
import type {
  Continuation,
  Finished,
  Generation,
  GenerationEvent,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { RouteRequest } from "./routing/filters.ts";

/** An answer whose first token has come. */
export interface Begun {
  /** `started`, then the first delta that shows something or `finished`. */
  readonly head: readonly GenerationEvent[];
  /** Everything after the head. */
  readonly rest: AsyncIterator<GenerationEvent>;
  /** Gives the place on the node back, once; called at the end of the call, and before when its node is lost. */
  leave(ending: Ending): void;
}

/**
 * Begins one generation: resolves at its first token, rejects with a MeshError when there will be none. Layers
 * around it act before the first token and at the end (`Call.onEnd`); none of them touches a delta, which keeps
 * the router's cost per token flat.
 */
export type Begin = (call: Call) => Promise<Begun>;

/** How a generation ended. */
export type Ending =
  | { readonly finished: Finished; readonly error?: undefined }
  | { readonly finished?: undefined; readonly error: MeshError };

/** One generation on its way through the router. */
export class Call implements RouteRequest {
  /** As it was asked. */
  readonly asked: Generation;
  /** What is asked of the next node: as `asked`, until a node is lost that had begun to answer. */
  generation: Generation;
  /** Which capabilities a node must have for it. */
  readonly needs: CapabilitySet;
  /** When it came, on the clock. */
  readonly receivedAt: number;
  /** Nodes that were asked, in order; one that was asked again is there again. */
  readonly attempts: string[] = [];
  /** Nodes that are not to be asked again, because they have failed it. */
  tried: string[] = [];
  /** Attempts from where the answer has come to that a node has failed; one that had no room has failed nothing. */
  failures = 0;
  /** Where other nodes took the answer over after it had begun to show. */
  readonly continuations: Continuation[] = [];
  /** What came from others before the present node, in tokens. */
  deliveredTokens: number;
  /** Tokens of context that it takes at least, once a node with less has refused it and another has more. */
  leastContext: number | undefined;
  /** The node's `finished` as it counts for the whole answer; where others took it over is not the node's to say. */
  amend: (finished: Finished) => Finished = (finished) =>
    finished.continuations.length === 0 ? finished : { ...finished, continuations: [] };
  /** Milliseconds spent waiting for a slot. */
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

  /** Aborts when the caller leaves or its time is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Who queues and pays. */
  get userId(): string {
    return this.generation.caller?.userId ?? "";
  }

  /** How it ended; undefined while it runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Gives the generation up; it ends with `reason`, and whatever holds something for it lets go. */
  abort(reason: unknown): void {
    this.end({ error: toMeshError(reason) });
  }

  /** Calls back once, at the end, last registered first; at once when it has already ended. */
  onEnd(listener: (ending: Ending) => void): void {
    if (this.#ending === undefined) this.#listeners.push(listener);
    else listener(this.#ending);
  }

  /** Says how it ended; only the first word counts. */
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
