import type { Generation, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EngineBound, Load, Start } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { fromErrorDetail, MeshError, toMeshError } from "../errors/mesh-error.ts";
import { Channel } from "../streams/channel.ts";
import {
  beatMs,
  bufferLimitBytes,
  type RelayClient,
  type RelayClientOptions,
  silenceMs,
} from "./contract.ts";
import { isDelta } from "./encoded-event.ts";
import { type FrameReader, readFrame } from "./encoded-frame.ts";
import { mergeEvents, sizeOfEvent } from "./merge.ts";
import { Outbox } from "./outbox.ts";

/** One generation that is open on the other side: its events, and in the same object what the relay keeps of it. */
class OpenStream extends Channel<GenerationEvent> {
  /** When it last showed a sign of life, on the clock. */
  lastSign: number;
  readonly #signal: AbortSignal;
  readonly #onAbort: () => void;

  constructor(now: number, signal: AbortSignal, onAbort: () => void, onLeave: () => void) {
    super({ capacity: bufferLimitBytes, sizeOf: sizeOfEvent, merge: mergeEvents, onLeave });
    this.lastSign = now;
    this.#signal = signal;
    this.#onAbort = onAbort;
    signal.addEventListener("abort", onAbort, { once: true });
  }

  /** Lets go of the caller's signal. */
  release(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}

/** How often silence is looked for, in milliseconds. */
const watchMs = beatMs / 2;
/** Between two signs of life of one generation, with room for what delays them, in milliseconds. */
const longestSignMs = 1.5 * beatMs;

/** Opens the client's end of a relay. It begins to exchange frames at once. */
export function openRelay(options: RelayClientOptions): RelayClient {
  const { clock, exchange, onLoad, watchGenerations = false } = options;
  const streams = new Map<number, OpenStream>();
  const lifetime = new AbortController();
  const ended = Promise.withResolvers<MeshError>();
  let failure: MeshError | undefined;
  let load: Load | undefined;
  let nextStreamId = 1;
  let starts: Start[] = [];
  let cancels: number[] = [];

  const outbox = new Outbox<EngineBound>({
    clock,
    take: () => {
      const frame: EngineBound = { $typeName: "cxmpute.relay.v1.EngineBound", starts, cancels };
      starts = [];
      cancels = [];
      return frame;
    },
  });

  const forget = (streamId: number): OpenStream | undefined => {
    const stream = streams.get(streamId);
    if (stream === undefined) return undefined;
    streams.delete(streamId);
    stream.release();
    return stream;
  };

  /** Tells the other side that nobody reads any more; a start that has not left yet never does. */
  const cancel = (streamId: number): OpenStream | undefined => {
    const stream = forget(streamId);
    if (stream === undefined) return undefined;
    const unsent = starts.findIndex((start) => start.streamId === streamId);
    if (unsent >= 0) starts.splice(unsent, 1);
    else {
      cancels.push(streamId);
      outbox.mark();
    }
    return stream;
  };

  const begin = (generation: Generation, signal: AbortSignal): OpenStream => {
    if (signal.aborted) throw signal.reason;
    if (failure !== undefined) throw lost(failure);
    const streamId = nextStreamId++;
    const abort = () => cancel(streamId)?.fail(signal.reason);
    const stream = new OpenStream(clock.now(), signal, abort, () => cancel(streamId));
    streams.set(streamId, stream);
    starts.push({ $typeName: "cxmpute.relay.v1.Start", streamId, generation });
    outbox.mark();
    return stream;
  };

  /** Hands an event to its reader. Throws when it cannot be read. */
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
      stream.lastSign = lastFrame;
      try {
        deliver(streamId, stream, event);
      } catch (error) {
        // One generation's trouble: events are decoded only here, and its neighbours must not suffer for them.
        cancel(streamId)?.fail(error);
      }
    },
    failure: (streamId, detail) => void forget(streamId)?.fail(fromErrorDetail(detail)),
    load(next) {
      load = next;
      onLoad?.(next);
    },
  };

  const finish = (reason: MeshError) => {
    if (failure !== undefined) return;
    failure = reason;
    watch.cancel();
    outbox.close();
    for (const streamId of [...streams.keys()]) forget(streamId)?.fail(lost(reason));
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
      // This process itself was held up: what the other side sent meanwhile has not been read yet.
      lastFrame = now;
      for (const stream of streams.values()) stream.lastSign = now;
      return;
    }
    if (now - lastFrame > silenceMs)
      return finish(new MeshError("node_lost", `The other side was silent for more than ${silenceMs} ms.`));
    if (!watchGenerations) return;
    // While nothing at all comes it is not this generation that is silent.
    for (const [streamId, stream] of streams)
      if (now - stream.lastSign > silenceMs && lastFrame - stream.lastSign > longestSignMs)
        cancel(streamId)?.fail(
          new MeshError("node_lost", `The engine showed no sign of life for more than ${silenceMs} ms.`),
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
    generate: (generation, signal) => ({ [Symbol.asyncIterator]: () => begin(generation, signal) }),
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

/** What an open generation fails with when its relay ends: whatever ended it, the node is out of reach. */
function lost(reason: MeshError): MeshError {
  return reason.kind === "node_lost" ? reason : new MeshError("node_lost", reason.message, { cause: reason });
}
