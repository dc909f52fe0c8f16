import type { ErrorDetail } from "../../gen/cxmpute/error/v1/error_pb.ts";
import type { Generation, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ClientBound } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { MeshError, toErrorDetail, toMeshError } from "../errors/mesh-error.ts";
import { pushTo, type Sink } from "../streams/push.ts";
import { beatMs, bufferLimitBytes, type RelayServerOptions } from "./contract.ts";
import { encodeFrame, type StreamNews } from "./frame-codec.ts";
import { mergeEvents, sizeOfEvent } from "./merge.ts";
import { Outbox } from "./outbox.ts";

/**
 * With many streams open, frames keep a distance that grows with their number, as network cards hold interrupts
 * back: a frame has its cost whatever it carries, and its receiver is woken for it. Up to 250 streams there is none,
 * and with 1000 a token waits 4 ms longer at most.
 */
const gapMsPerStream = 0.004;
const longestGapMs = 4;

/** One generation that is being answered; takes its events while they are pushed. */
class Answer implements Sink<GenerationEvent>, StreamNews {
  readonly streamId: number;
  /** Set in the same turn in which the client cancels; a signal's own flag takes four reads of memory to see. */
  cancelled = false;
  first: GenerationEvent | undefined;
  more: GenerationEvent[] | undefined;
  failure: ErrorDetail | undefined;
  /** Whether that is anything. */
  isNews = false;
  readonly #collect: (answer: Answer, event: GenerationEvent) => boolean;
  readonly controller = new AbortController();

  constructor(streamId: number, collect: (answer: Answer, event: GenerationEvent) => boolean) {
    this.streamId = streamId;
    this.#collect = collect;
  }

  take(event: GenerationEvent): boolean {
    return !this.cancelled && this.#collect(this, event);
  }

  /** Adds an event behind the first, to the last one if the two can be one. */
  append(event: GenerationEvent): void {
    const last = this.more?.at(-1);
    const merged = mergeEvents(last ?? this.first!, event);
    if (merged === undefined) {
      this.more ??= [];
      this.more.push(event);
    } else if (last === undefined) this.first = merged;
    else this.more![this.more!.length - 1] = merged;
  }

  forgetNews(): void {
    this.isNews = false;
    this.first = undefined;
    this.more = undefined;
    this.failure = undefined;
  }

  cancel(reason: MeshError): void {
    this.cancelled = true;
    this.controller.abort(reason);
  }
}

/**
 * Serves the engine's end of a relay: answers what the client starts, and gives out the frames to send. They
 * end when the client's frames do, when the signal aborts, or when the reader leaves; then every open
 * generation is cancelled.
 */
export function serveRelay(options: RelayServerOptions): AsyncIterable<ClientBound> {
  return { [Symbol.asyncIterator]: () => begin(options) };
}

function begin({ generate, frames, signal, clock, load }: RelayServerOptions): AsyncIterator<ClientBound> {
  const running = new Map<number, Answer>();
  /** Those of which the next frame has something to say. */
  let pending: Answer[] = [];
  let pendingBytes = 0;
  let loadChanged = load !== undefined;
  let flushed = Promise.withResolvers<void>();

  /** One generation's trouble: its neighbours in the frame must not suffer for it. */
  const refuse = (answer: Answer, cause: unknown): ErrorDetail => {
    const error = new MeshError("engine_failed", "The engine sent an event that has no encoding.", { cause });
    answer.cancel(error);
    return toFailure(error);
  };

  const takeFrame = (): ClientBound => {
    const frame = encodeFrame(pending, loadChanged ? load?.current() : undefined, refuse);
    for (const answer of pending) answer.forgetNews();
    pending = [];
    pendingBytes = 0;
    loadChanged = false;
    flushed.resolve();
    flushed = Promise.withResolvers();
    return frame;
  };

  const outbox = new Outbox({
    clock,
    take: takeFrame,
    gapMs: () => Math.min(longestGapMs, running.size * gapMsPerStream),
  });

  const tell = (answer: Answer) => {
    outbox.mark();
    if (answer.isNews) return;
    answer.isNews = true;
    pending.push(answer);
  };

  const collect = (answer: Answer, event: GenerationEvent): boolean => {
    tell(answer);
    pendingBytes += sizeOfEvent(event);
    if (answer.first === undefined) answer.first = event;
    else answer.append(event);
    return pendingBytes <= bufferLimitBytes;
  };

  const fail = (answer: Answer, error: unknown) => {
    tell(answer);
    answer.failure = toFailure(error);
  };

  const run = async (streamId: number, generation: Generation) => {
    const answer = new Answer(streamId, collect);
    running.set(streamId, answer);
    try {
      const events = generate(generation, answer.controller.signal)[Symbol.asyncIterator]();
      while ((await pushTo(events, answer)) === "stopped") {
        if (answer.cancelled) return void (await events.return?.());
        // The other side reads too slowly: hold this generation until something has left.
        await flushed.promise;
      }
    } catch (error) {
      if (!answer.cancelled) fail(answer, error);
    } finally {
      running.delete(streamId);
    }
  };

  const end = () => {
    signal.removeEventListener("abort", end);
    beat.cancel();
    unsubscribe?.();
    outbox.close();
    flushed.resolve();
    const reason = new MeshError("cancelled", "The relay has ended.");
    for (const answer of running.values()) answer.cancel(reason);
  };

  const listen = async () => {
    for await (const { starts, cancels } of frames) {
      for (const streamId of cancels)
        running.get(streamId)?.cancel(new MeshError("cancelled", "The caller left."));
      for (const { streamId, generation } of starts) {
        if (running.has(streamId)) continue;
        if (generation !== undefined) void run(streamId, generation);
        else
          fail(
            new Answer(streamId, collect),
            new MeshError("invalid_request", "A start frame came without a generation."),
          );
      }
    }
  };

  const beat = clock.every(beatMs, () => outbox.mark());
  const unsubscribe = load?.subscribe(() => {
    loadChanged = true;
    outbox.mark();
  });
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  // A relay's opening word is its load, so that the other side knows that it stands.
  outbox.mark();
  listen().then(end, end);

  return {
    next: () => outbox.next(),
    return() {
      end();
      return outbox.return();
    },
  };
}

/** What crosses; a bug leaves masked, its cause stays in this process's log. */
function toFailure(error: unknown): ErrorDetail {
  return toErrorDetail(toMeshError(error));
}
