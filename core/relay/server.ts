import type { ErrorDetail } from "../../gen/cxmpute/error/v1/error_pb.ts";
import type { Generation, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ClientBound, StreamEvents } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { MeshError, toErrorDetail, toMeshError } from "../errors/mesh-error.ts";
import { pour, type Taker } from "../streams/pour.ts";
import { beatMs, bufferLimitBytes, type RelayServerOptions } from "./contract.ts";
import { mergeEvents, sizeOfEvent } from "./merge.ts";
import { Outbox } from "./outbox.ts";

/** One generation that is being answered; takes its events while they are poured. */
class Answer implements Taker<GenerationEvent> {
  readonly streamId: number;
  /** Set in the same turn in which the client cancels; a signal's own flag takes four reads of memory to see. */
  cancelled = false;
  /** What the next frame says of it; older than that when `frame` is not the next frame. */
  news: StreamEvents | undefined;
  frame: ClientBound | undefined;
  readonly #collect: (answer: Answer, event: GenerationEvent) => boolean;
  readonly controller = new AbortController();

  constructor(streamId: number, collect: (answer: Answer, event: GenerationEvent) => boolean) {
    this.streamId = streamId;
    this.#collect = collect;
  }

  take(event: GenerationEvent): boolean {
    return !this.cancelled && this.#collect(this, event);
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
  let pending = emptyFrame();
  let pendingBytes = 0;
  let loadChanged = load !== undefined;
  let flushed = Promise.withResolvers<void>();

  const outbox = new Outbox<ClientBound>(() => {
    const frame = pending;
    if (loadChanged && load !== undefined) frame.load = load.current();
    pending = emptyFrame();
    pendingBytes = 0;
    loadChanged = false;
    flushed.resolve();
    flushed = Promise.withResolvers();
    return frame;
  });

  /** Adds a stream's first news to the next frame. */
  const tell = (streamId: number, events: GenerationEvent[]): StreamEvents => {
    const news: StreamEvents = { $typeName: "cxmpute.relay.v1.StreamEvents", streamId, events };
    pending.streams.push(news);
    outbox.mark();
    return news;
  };

  /** What the next frame says of an answer already, if anything. */
  const toldOf = (answer: Answer) => (answer.frame === pending ? answer.news : undefined);

  const collect = (answer: Answer, event: GenerationEvent): boolean => {
    pendingBytes += sizeOfEvent(event);
    const events = toldOf(answer)?.events;
    if (events === undefined) {
      answer.news = tell(answer.streamId, [event]);
      answer.frame = pending;
    } else {
      const merged = mergeEvents(events.at(-1)!, event);
      if (merged === undefined) events.push(event);
      else events[events.length - 1] = merged;
    }
    return pendingBytes <= bufferLimitBytes;
  };

  const run = async (streamId: number, generation: Generation) => {
    const answer = new Answer(streamId, collect);
    running.set(streamId, answer);
    try {
      const events = generate(generation, answer.controller.signal)[Symbol.asyncIterator]();
      while ((await pour(events, answer)) === "stopped") {
        if (answer.cancelled) return void (await events.return?.());
        // The other side reads too slowly: hold this generation until something has left.
        await flushed.promise;
      }
    } catch (error) {
      if (!answer.cancelled) (toldOf(answer) ?? tell(streamId, [])).failure = toFailure(error);
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
          tell(streamId, []).failure = toFailure(
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

const emptyFrame = (): ClientBound => ({ $typeName: "cxmpute.relay.v1.ClientBound", streams: [] });

/** What crosses; a bug leaves masked, its cause stays in this process's log. */
function toFailure(error: unknown): ErrorDetail {
  return toErrorDetail(toMeshError(error));
}
