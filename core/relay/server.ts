import type { ErrorDetail } from "../../gen/cxmpute/error/v1/error_pb.ts";
import type { Generation, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ClientBound, StreamEvents } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { MeshError, toErrorDetail, toMeshError } from "../errors/mesh-error.ts";
import { pour } from "../streams/pour.ts";
import { beatMs, bufferLimitBytes, type RelayServerOptions } from "./contract.ts";
import { mergeEvents, sizeOfEvent } from "./merge.ts";
import { Outbox } from "./outbox.ts";

/**
 * Serves the engine's end of a relay: answers what the client starts, and gives out the frames to send. They
 * end when the client's frames do, when the signal aborts, or when the reader leaves; then every open
 * generation is cancelled.
 */
export function serveRelay(options: RelayServerOptions): AsyncIterable<ClientBound> {
  return { [Symbol.asyncIterator]: () => begin(options) };
}

function begin({ generate, frames, signal, clock, load }: RelayServerOptions): AsyncIterator<ClientBound> {
  const running = new Map<number, AbortController>();
  let pending = new Map<number, StreamEvents>();
  let pendingBytes = 0;
  let loadChanged = load !== undefined;
  let flushed = Promise.withResolvers<void>();

  const outbox = new Outbox<ClientBound>(() => {
    const frame: ClientBound = { $typeName: "cxmpute.relay.v1.ClientBound", streams: [...pending.values()] };
    if (loadChanged && load !== undefined) frame.load = load.current();
    pending = new Map();
    pendingBytes = 0;
    loadChanged = false;
    flushed.resolve();
    flushed = Promise.withResolvers();
    return frame;
  });

  const newsOf = (streamId: number): StreamEvents => {
    let news = pending.get(streamId);
    if (news === undefined) {
      news = { $typeName: "cxmpute.relay.v1.StreamEvents", streamId, events: [] };
      pending.set(streamId, news);
    }
    outbox.mark();
    return news;
  };

  const collect = (streamId: number, event: GenerationEvent) => {
    const { events } = newsOf(streamId);
    pendingBytes += sizeOfEvent(event);
    const last = events.at(-1);
    const merged = last === undefined ? undefined : mergeEvents(last, event);
    if (merged === undefined) events.push(event);
    else events[events.length - 1] = merged;
  };

  const answer = async (streamId: number, generation: Generation) => {
    const controller = new AbortController();
    running.set(streamId, controller);
    try {
      const events = generate(generation, controller.signal)[Symbol.asyncIterator]();
      const take = (event: GenerationEvent): boolean => {
        if (controller.signal.aborted) return false;
        collect(streamId, event);
        return pendingBytes <= bufferLimitBytes;
      };
      while ((await pour(events, take)) === "stopped") {
        if (controller.signal.aborted) return void (await events.return?.());
        // The other side reads too slowly: hold this generation until something has left.
        await flushed.promise;
      }
    } catch (error) {
      if (!controller.signal.aborted) newsOf(streamId).failure = toFailure(error);
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
    for (const controller of running.values()) controller.abort(reason);
  };

  const listen = async () => {
    for await (const { starts, cancels } of frames) {
      for (const streamId of cancels)
        running.get(streamId)?.abort(new MeshError("cancelled", "The caller left."));
      for (const { streamId, generation } of starts) {
        if (running.has(streamId)) continue;
        if (generation !== undefined) void answer(streamId, generation);
        else
          newsOf(streamId).failure = toFailure(
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
