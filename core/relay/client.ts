import type { Generation, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EngineBound, Load } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { fromErrorDetail, MeshError, toMeshError } from "../errors/mesh-error.ts";
import { Channel } from "../streams/channel.ts";
import {
  bufferLimitBytes,
  clientHeartbeatMs,
  engineLostMs,
  heartbeatMs,
  lostMs,
  PeerSilent,
  type RelayClient,
  type RelayClientOptions,
  silenceMs,
  unheardLostMs,
} from "./contract.ts";
import { isDelta } from "./encoded-event.ts";
import { type FrameReader, readFrame } from "./encoded-frame.ts";
import { mergeEvents, sizeOfEvent } from "./merge.ts";
import { Outbox } from "./outbox.ts";
import { OwnTime } from "./own-time.ts";
import { StartQueue } from "./start-queue.ts";
import { UsualSilence } from "./usual-silence.ts";

/** An open generation: its events and, in the same object, its state. */
class OpenStream extends Channel<GenerationEvent> {
  /** When its last event came, in own time. */
  lastEventAt: number;
  hasBegun = false;
  readonly generation: Generation;
  readonly #signal: AbortSignal;
  readonly #onAbort: () => void;

  constructor(
    generation: Generation,
    now: number,
    signal: AbortSignal,
    onAbort: () => void,
    onLeave: () => void,
  ) {
    super({ capacity: bufferLimitBytes, sizeOf: sizeOfEvent, merge: mergeEvents, onLeave });
    this.generation = generation;
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
  const { clock, exchange, onLoad, watchGenerations = false, showsLife = false, mayMove } = options;
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
    const leave = () => cancel(streamId);
    const stream = new OpenStream(generation, own.at(clock.now()), signal, abort, leave);
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
      if (heardAt - stream.lastEventAt > heartbeatMs)
        usualOfEvents.learn(heardAt - stream.lastEventAt, clock.now());
      stream.lastEventAt = heardAt;
      try {
        stream.hasBegun ||= showsSomething(event);
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
    beat?.cancel();
    outbox.close();
    const loss = lost(reason);
    for (const streamId of [...streams.keys()]) forget(streamId)?.fail(loss);
    lifetime.abort(reason);
    ended.resolve(reason);
  };

  const startedAt = clock.now();
  const own = new OwnTime(watchMs, startedAt);
  const usual = new UsualSilence({ promisedMs: heartbeatMs, patienceMs: silenceMs });
  const usualOfEvents = new UsualSilence({ promisedMs: eventGapLimitMs, patienceMs: silenceMs });
  /** When the last frame came, in own time. */
  let heardAt = 0;
  let isHeard = false;
  let suspected = false;
  let isMoving = false;

  /** How long the other side, or else a generation of it, has been silent beyond what is usual; undefined when it is not. */
  const silenceOf = (stream: OpenStream, now: number) => {
    const time = own.at(now);
    if (suspected) return { silentMs: time - heardAt, reason: new PeerSilent(usual.limitMs(now)) };
    const limitMs = usualOfEvents.limitMs(now);
    const silentMs = time - stream.lastEventAt;
    // While nothing comes at all, the relay is silent, not the generation.
    if (!watchGenerations || silentMs <= limitMs || heardAt - stream.lastEventAt <= eventGapLimitMs)
      return undefined;
    return { silentMs, reason: engineSilent(limitMs) };
  };

  /** Gives up what can continue elsewhere; one after the other, so that each sees which room the former have taken. */
  const moveSilent = async () => {
    for (const [streamId, stream] of [...streams]) {
      const silence = streams.get(streamId) === stream ? silenceOf(stream, clock.now()) : undefined;
      if (silence === undefined) continue;
      const { silentMs, reason } = silence;
      const { generation, hasBegun } = stream;
      const lostAfterMs = Math.max(engineLostMs, 3 * usualOfEvents.limitMs(clock.now()));
      if (!suspected && silentMs > lostAfterMs) cancel(streamId)?.fail(engineSilent(lostAfterMs));
      else if (mayMove?.({ generation, hasBegun, silentMs })) {
        cancel(streamId)?.fail(reason);
        await new Promise(setImmediate);
      }
    }
  };

  const watch = clock.every(watchMs, () => {
    const now = clock.now();
    const isPunctual = own.look(now);
    const silentMs = own.at(now) - heardAt;
    const lostAfterMs = isHeard ? lostMs : unheardLostMs;
    if (silentMs > lostAfterMs) return finish(new PeerSilent(lostAfterMs));
    if (!isPunctual) return;
    suspected = silentMs > usual.limitMs(now);
    if (isMoving || !(suspected || watchGenerations)) return;
    isMoving = true;
    void moveSilent().finally(() => {
      isMoving = false;
    });
  });

  const beat = showsLife ? clock.every(clientHeartbeatMs, () => outbox.mark()) : undefined;

  const hear = () => {
    const now = clock.now();
    const time = own.at(now);
    if (isHeard) usual.learn(time - heardAt, now);
    heardAt = time;
    isHeard = true;
    suspected = false;
  };

  const run = async () => {
    for await (const frame of exchange(outbox, lifetime.signal)) {
      hear();
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
    get suspected() {
      return suspected;
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

const engineSilent = (silentMs: number): MeshError =>
  new MeshError("node_lost", `The engine sent nothing for more than ${Math.round(silentMs)} ms.`);

function showsSomething({ event }: GenerationEvent): boolean {
  if (event.case === "embedded" || event.case === "finished") return true;
  if (event.case !== "delta") return false;
  const { text, reasoning, toolCalls, tokenIds } = event.value;
  return text !== "" || reasoning !== "" || toolCalls.length > 0 || tokenIds.length > 0;
}
