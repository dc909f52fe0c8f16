import type {
  Continuation,
  Finished,
  Generation,
  GenerationEvent,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { MeshError, toMeshError } from "../errors/mesh-error.ts";

/** An answer that its source has begun. The source is a node for a router, and a router for a translator. */
export interface StartedAnswer {
  /** `started`, then what else came with it. */
  readonly head: readonly GenerationEvent[];
  readonly rest: AsyncIterator<GenerationEvent>;
  /** Lets go of the source, once: at the end of the call, or when the source is lost. */
  leave?(ending: Ending): void;
}

/**
 * Starts one generation at a source: resolves when the answer has begun, rejects with a MeshError when it will not.
 * Layers around it never act on a delta, which keeps the cost per token flat.
 */
export type StartAnswer<C extends Call = Call> = (call: C) => Promise<StartedAnswer>;

/** How a generation ended. */
export type Ending =
  | { readonly finished: Finished; readonly error?: undefined }
  | { readonly finished?: undefined; readonly error: MeshError };

/** One generation, from its receipt to its end, and where it has been tried. */
export class Call {
  readonly asked: Generation;
  /** What the next source is asked for: as `asked`, until a source is lost after the answer has begun. */
  generation: Generation;
  /** On the clock. */
  readonly receivedAt: number;
  /** Names of the sources, in order of the attempts. */
  readonly attempts: string[] = [];
  /** Sources that are not to be tried again for now. */
  tried: string[] = [];
  /** Failed attempts at the present continuation; a source that was full has failed nothing. */
  failures = 0;
  /** Where the answer was taken over after it had begun to show, by whichever process. */
  readonly continuations: Continuation[] = [];
  /** Tokens that came before the present source's. */
  deliveredTokens: number;
  /** Turns the source's `finished` into that of the whole answer. */
  amend: (finished: Finished) => Finished = (finished) => finished;
  readonly #controller = new AbortController();
  readonly #listeners: ((ending: Ending) => void)[] = [];
  #ending: Ending | undefined;

  constructor(generation: Generation, receivedAt: number) {
    this.asked = generation;
    this.generation = generation;
    this.receivedAt = receivedAt;
    this.deliveredTokens = generation.resume?.tokenIds.length ?? 0;
  }

  /** Aborts when the generation ends with an error, such as that its caller has left. */
  get signal(): AbortSignal {
    return this.#controller.signal;
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

/** `code` of a `node_lost` by which a router that stops ends an answer, for another router to continue. */
export const routerStoppedCode = "router_stopped";

/** What a generation fails with when its caller no longer reads. */
export const callerLeft = (cause?: unknown): MeshError =>
  new MeshError("cancelled", "The caller left.", { cause });
