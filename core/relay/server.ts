import type { ErrorDetail } from "../../gen/cxmpute/error/v1/error_pb.ts";
import type { Generation, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ClientBound } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { MeshError, toErrorDetail, toMeshError } from "../errors/mesh-error.ts";
import { pushTo, type Sink } from "../streams/push.ts";
import { bufferLimitBytes, heartbeatMs, type RelayServerOptions } from "./contract.ts";
import { encodeFrame, type StreamUpdate } from "./frame-codec.ts";
import { mergeEvents, sizeOfEvent } from "./merge.ts";
import { Outbox } from "./outbox.ts";
import { ReceivedPrompts } from "./received-prompts.ts";

/**
 * With many open streams the gap between frames grows, as network cards coalesce interrupts: each frame has a fixed cost
 * and wakes its receiver. Up to 250 streams there is none; from 1000 on a token waits 4 ms at most.
 */
const gapMsPerStream = 0.004;
const longestGapMs = 4;

/** A generation that is being answered: the sink of its events, and its update for the next frame. */
class Answer implements Sink<GenerationEvent>, StreamUpdate {
  readonly streamId: number;
  /** Whether the client has cancelled; a signal's own flag costs four reads from memory. */
  cancelled = false;
  first: GenerationEvent | undefined;
  more: GenerationEvent[] | undefined;
  failure: ErrorDetail | undefined;
  /** Whether it has something for the next frame. */
  isPending = false;
  readonly #collect: (answer: Answer, event: GenerationEvent) => boolean;
  readonly controller = new AbortController();

  constructor(streamId: number, collect: (answer: Answer, event: GenerationEvent) => boolean) {
    this.streamId = streamId;
    this.#collect = collect;
  }

  take(event: GenerationEvent): boolean {
    return !this.cancelled && this.#collect(this, event);
  }

  /** Adds an event after the first, merged into the last one if possible. */
  append(event: GenerationEvent): void {
    const last = this.more?.at(-1);
    const merged = mergeEvents(last ?? this.first!, event);
    if (merged === undefined) {
      this.more ??= [];
      this.more.push(event);
    } else if (last === undefined) this.first = merged;
    else this.more![this.more!.length - 1] = merged;
  }

  clearUpdate(): void {
    this.isPending = false;
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
 * Serves the engine's end of a relay: answers what the client starts, and yields the frames to send. Cancels all when
 * the client's frames end, the signal aborts or the reader leaves; `closing` loses nothing.
 */
export function serveRelay(options: RelayServerOptions): AsyncIterable<ClientBound> {
  return { [Symbol.asyncIterator]: () => start(options) };
}

function start({
  generate,
  frames,
  signal,
  closing,
  clock,
  load,
}: RelayServerOptions): AsyncIterator<ClientBound> {
  const running = new Map<number, Answer>();
  let pending: Answer[] = [];
  let pendingBytes = 0;
  let loadChanged = load !== undefined;
  let flushed = Promise.withResolvers<void>();
  const prompts = new ReceivedPrompts();
  let introduced = false;

  const refuse = (answer: Answer, cause: unknown): ErrorDetail => {
    const error = new MeshError("engine_failed", "The engine sent an event that has no encoding.", { cause });
    answer.cancel(error);
    return toFailure(error);
  };

  const takeFrame = (): ClientBound => {
    const frame = encodeFrame(pending, loadChanged ? load?.current() : undefined, refuse, !introduced);
    introduced = true;
    for (const answer of pending) answer.clearUpdate();
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

  const markPending = (answer: Answer) => {
    outbox.mark();
    if (answer.isPending) return;
    answer.isPending = true;
    pending.push(answer);
  };

  const collect = (answer: Answer, event: GenerationEvent): boolean => {
    markPending(answer);
    pendingBytes += sizeOfEvent(event);
    if (answer.first === undefined) answer.first = event;
    else answer.append(event);
    return pendingBytes <= bufferLimitBytes;
  };

  const fail = (answer: Answer, error: unknown) => {
    markPending(answer);
    answer.failure = toFailure(error);
  };

  const run = async (streamId: number, generation: Generation) => {
    const answer = new Answer(streamId, collect);
    running.set(streamId, answer);
    try {
      const events = generate(generation, answer.controller.signal)[Symbol.asyncIterator]();
      while ((await pushTo(events, answer)) === "stopped") {
        if (answer.cancelled) return void (await events.return?.());
        // The other side reads slowly: pause this generation until a frame has been sent.
        await flushed.promise;
      }
    } catch (error) {
      if (!answer.cancelled) fail(answer, error);
    } finally {
      running.delete(streamId);
      if (closing?.aborted) endInOrder();
    }
  };

  const release = () => {
    signal.removeEventListener("abort", end);
    closing?.removeEventListener("abort", endInOrder);
    heartbeat.cancel();
    unsubscribe?.();
  };

  const endInOrder = () => {
    if (running.size > 0) return;
    release();
    outbox.end();
  };

  const end = () => {
    release();
    outbox.close();
    flushed.resolve();
    const reason = new MeshError("cancelled", "The relay has ended.");
    for (const answer of running.values()) answer.cancel(reason);
  };

  const listen = async () => {
    for await (const { starts, cancels, prompts: shared, droppedPrompts } of frames) {
      for (const streamId of cancels)
        running.get(streamId)?.cancel(new MeshError("cancelled", "The caller left."));
      if (shared.length > 0) await prompts.add(shared);
      for (const start of starts) {
        if (running.has(start.streamId)) continue;
        try {
          void run(start.streamId, prompts.complete(start));
        } catch (error) {
          fail(new Answer(start.streamId, collect), error);
        }
      }
      prompts.drop(droppedPrompts);
    }
  };

  const heartbeat = clock.every(heartbeatMs, () => outbox.mark());
  const unsubscribe = load?.subscribe(() => {
    loadChanged = true;
    outbox.mark();
  });
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  // The first frame carries the load, which shows the other side that the relay is open.
  outbox.mark();
  if (closing?.aborted) endInOrder();
  else closing?.addEventListener("abort", endInOrder, { once: true });
  listen().then(end, end);

  return {
    next: () => outbox.next(),
    return() {
      end();
      return outbox.return();
    },
  };
}

function toFailure(error: unknown): ErrorDetail {
  return toErrorDetail(toMeshError(error));
}
