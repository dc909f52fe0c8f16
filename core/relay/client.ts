import type { Generation, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EngineBound, Load } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { fromErrorDetail, MeshError, toMeshError } from "../errors/mesh-error.ts";
import { Channel } from "../streams/channel.ts";
import {
  bufferLimitBytes,
  heartbeatMs,
  type RelayClient,
  type RelayClientOptions,
  silenceMs,
} from "./contract.ts";
import { isDelta } from "./encoded-event.ts";
import { type FrameReader, readFrame } from "./encoded-frame.ts";
import { mergeEvents, sizeOfEvent } from "./merge.ts";
import { Outbox } from "./outbox.ts";
import { StartQueue } from "./start-queue.ts";

/** An open generation: its events and, in the same object, its state. */
class OpenStream extends Channel<GenerationEvent> {
  /** When its last event came, on the clock. */
  lastEventAt: number;
  readonly #signal: AbortSignal;
  readonly #onAbort: () => void;

  constructor(now: number, signal: AbortSignal, onAbort: () => void, onLeave: () => void) {
    super({ capacity: bufferLimitBytes, sizeOf: sizeOfEvent, merge: mergeEvents, onLeave });
    this.lastEventAt = now;
    this.#signal = signal;
    this.#onAbort = onAbort;
    signal.addEventListener("abort", onAbort, { once: true });
  }

  release(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}

const watchMs = heartbeatMs / 2;
/** The longest time between two events of a generation that is alive, with some margin, in milliseconds. */
const eventGapLimitMs = 1.5 * heartbeatMs;

/** Opens the client's end of a relay, which exchanges frames from then on. */
export function openRelay(options: RelayClientOptions): RelayClient {
  const { clock, exchange, onLoad, watchGenerations = false } = options;
  const streams = new Map<number, OpenStream>();
  const lifetime = new AbortController();
  const ended = Promise.withResolvers<MeshError>();
  let failure: MeshError | undefined;
  let load: Load | undefined;
  let nextStreamId = 1;
  const starts = new StartQueue();
  let cancels: number[] = [];

  const outbox = new Outbox<EngineBound>({
    clock,
    take: () => {
      const frame = starts.take(cancels);
      cancels = [];
      if (!starts.isEmpty) outbox.mark();
      return frame;
    },
  });

  const forget = (streamId: number): OpenStream | undefined => {
    const stream = streams.get(streamId);
    if (stream === undefined) return undefined;
    streams.delete(streamId);
    stream.release();
    if (starts.end(streamId)) outbox.mark();
    return stream;
  };

  /** Cancels a generation on the other side; one that is not sent yet never is. */
  const cancel = (streamId: number): OpenStream | undefined => {
    const stream = forget(streamId);
    if (stream === undefined) return undefined;
    if (!starts.remove(streamId)) {
      cancels.push(streamId);
      outbox.mark();
    }
    return stream;
  };

  const start = (generation: Generation, signal: AbortSignal): OpenStream => {
    if (signal.aborted) throw signal.reason;
    if (failure !== undefined) throw lost(failure);
    const streamId = nextStreamId++;
    const abort = () => cancel(streamId)?.fail(signal.reason);
    const stream = new OpenStream(clock.now(), signal, abort, () => cancel(streamId));
    streams.set(streamId, stream);
    starts.add(streamId, generation);
    outbox.mark();
    return stream;
  };

  /** Passes an event to its reader. Throws when it cannot be decoded. */
  const deliver = (streamId: number, stream: OpenStream, event: GenerationEvent) => {
    if (!stream.push(event))
      throw new MeshError(
        "cancelled",
        `The reader fell behind by more than ${bufferLimitBytes} bytes of answer.`,
      );
    if (!isDelta(event) && event.event.case === "finished") forget(streamId)?.close();
  };

  const reader: FrameReader = {
    event(streamId, event) {
      const stream = streams.get(streamId);
      if (stream === undefined) return;
      stream.lastEventAt = lastFrame;
      try {
        deliver(streamId, stream, event);
      } catch (error) {
        // Events are first decoded here: a bad one fails only its own generation.
        cancel(streamId)?.fail(error);
      }
    },
    failure: (streamId, detail) => void forget(streamId)?.fail(fromErrorDetail(detail)),
    load(next) {
      load = next;
      onLoad?.(next);
    },
    sharesPrompts() {
      starts.sharesPrompts = true;
    },
  };

  const finish = (reason: MeshError) => {
    if (failure !== undefined) return;
    failure = reason;
    watch.cancel();
    outbox.close();
    const loss = lost(reason);
    for (const streamId of [...streams.keys()]) forget(streamId)?.fail(loss);
    lifetime.abort(reason);
    ended.resolve(reason);
  };

  let lastFrame = clock.now();
  let lastLook = clock.now();
  const watch = clock.every(watchMs, () => {
    const now = clock.now();
    const late = now - lastLook > 2 * watchMs;
    lastLook = now;
    if (late) {
      // This process was held up, and has not read yet what the other side sent meanwhile.
      lastFrame = now;
      for (const stream of streams.values()) stream.lastEventAt = now;
      return;
    }
    if (now - lastFrame > silenceMs)
      return finish(new MeshError("node_lost", `The other side was silent for more than ${silenceMs} ms.`));
    if (!watchGenerations) return;
    // While nothing comes at all, the relay is silent, not the generation.
    for (const [streamId, stream] of streams)
      if (now - stream.lastEventAt > silenceMs && lastFrame - stream.lastEventAt > eventGapLimitMs)
        cancel(streamId)?.fail(
          new MeshError("node_lost", `The engine sent nothing for more than ${silenceMs} ms.`),
        );
  });

  const run = async () => {
    for await (const frame of exchange(outbox, lifetime.signal)) {
      lastFrame = clock.now();
      readFrame(frame, reader);
      if (failure !== undefined) return;
    }
    throw new MeshError("node_lost", "The other side ended the relay.");
  };
  run().catch((error: unknown) => finish(toMeshError(error)));

  return {
    generate: (generation, signal) => ({ [Symbol.asyncIterator]: () => start(generation, signal) }),
    get open() {
      return streams.size;
    },
    get load() {
      return load;
    },
    closed: ended.promise,
    close: finish,
  };
}

/**
 * The failure of an open generation when its relay ends: for any reason, the node is lost. Its caller reads it, so it
 * leaves out the reason's words, which hold names and addresses of processes.
 */
const lost = (reason: MeshError): MeshError =>
  new MeshError("node_lost", "The connection to the process that was answering was lost.", { cause: reason });
