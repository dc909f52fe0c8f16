import type { Clock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { heartbeatEvent } from "../../../../core/generation/events.ts";
import { within } from "../../../../core/streams/within.ts";
import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationTimes } from "./usual-times.ts";

/** How often a silent server is checked, in milliseconds; less than half of the router's limit. */
const heartbeatMs = 400;
/**
 * The time between signs of life once a server is suspected, in milliseconds: long enough that the router moves the
 * generation where another node can take it, and short enough that it waits where none can.
 */
const suspectHeartbeatMs = 7000;

interface StallDetectorOptions {
  readonly clock: Clock;
  /** Whether the server answers now. Never rejects. */
  readonly isAlive: () => Promise<boolean>;
  /** How long the server may be silent before the first event, in milliseconds. */
  readonly beginLimitMs: number;
  /** The same between two events. */
  readonly stallLimitMs: number;
  readonly stalled: (seconds: number) => string;
  /** What is usual; a server that takes longer is suspected. Absent: none is. */
  readonly usual?: GenerationTimes;
}

/**
 * Sends an answer's signs of life, without which the mesh takes a generation from a node. Most servers are silent while
 * they load a model, read a prompt or queue. So progress is anything sent or, for a limited time, the answer to a cheap
 * request, which a frozen or lost server does not give. A server that answers it and hangs is known by its usual times:
 * beyond them, signs of life become rare.
 */
export class StallDetector {
  readonly #options: StallDetectorOptions;
  #movedAt: number;
  #shownAt: number;
  /** When the answer was last continued, or asked for. */
  #continuedAt: number;
  #hasStarted = false;
  #limitMs: number;

  constructor(options: StallDetectorOptions) {
    this.#options = options;
    this.#movedAt = options.clock.now();
    this.#shownAt = this.#movedAt;
    this.#continuedAt = this.#movedAt;
    this.#limitMs = options.beginLimitMs;
  }

  /** An event was sent; `isPartOfAnswer`: it was no sign of life. */
  shown(isPartOfAnswer: boolean): void {
    const { clock, stallLimitMs, usual } = this.#options;
    const now = clock.now();
    this.#shownAt = now;
    if (!isPartOfAnswer) return;
    if (this.#hasStarted) usual?.learnGap(now - this.#continuedAt);
    else usual?.learnBegin(now - this.#continuedAt);
    this.#continuedAt = now;
    this.#hasStarted = true;
    this.#limitMs = stallLimitMs;
  }

  /** Whether the server has made progress but nothing was sent for a while. */
  get isDue(): boolean {
    return this.#movedAt - this.#shownAt >= (this.#isSuspected ? suspectHeartbeatMs : heartbeatMs / 2);
  }

  get #isSuspected(): boolean {
    const { clock, usual } = this.#options;
    if (usual === undefined) return false;
    return clock.now() - this.#continuedAt > (this.#hasStarted ? usual.gapMs : usual.beginMs);
  }

  /** Waits for `work` with signs of life; throws `engine_failed` when it stalls. */
  async *over<T>(work: Promise<T>): AsyncGenerator<GenerationEvent, T> {
    const { clock, isAlive, stalled } = this.#options;
    const since = clock.now();
    let settled = false;
    const settle = () => {
      settled = true;
    };
    const done = work.then(settle, settle);
    for (;;) {
      const heartbeat = Promise.withResolvers<void>();
      const timer = clock.after(heartbeatMs, heartbeat.resolve);
      await Promise.race([done, heartbeat.promise]);
      timer.cancel();
      if (settled) {
        this.#movedAt = clock.now();
        return await work;
      }
      const silentMs = clock.now() - since;
      if (silentMs >= this.#limitMs)
        throw new MeshError("engine_failed", stalled(Math.round(silentMs / 1000)));
      if (this.#isSuspected && clock.now() - this.#shownAt < suspectHeartbeatMs) continue;
      if (!(await Promise.race([done.then(() => false), isAlive()]))) continue;
      this.shown(false);
      yield heartbeatEvent();
    }
  }
}

/** Adds signs of life to events, for upstreams of which nothing else is seen. */
export async function* withSignsOfLife(
  events: AsyncIterable<GenerationEvent>,
  options: StallDetectorOptions,
): AsyncGenerator<GenerationEvent> {
  const detector = new StallDetector(options);
  const source = events[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<GenerationEvent>> | undefined;
  try {
    for (;;) {
      pending = source.next();
      const result = yield* detector.over(pending);
      pending = undefined;
      if (result.done) return;
      detector.shown(result.value.event.case !== "started");
      yield result.value;
    }
  } finally {
    // Not awaited: a source stops only when its pending read settles.
    pending?.catch(() => {});
    void Promise.resolve(source.return?.()).catch(() => {});
  }
}

/** How long an answer is reused, in milliseconds. */
const freshMs = 300;
/** The time limit of a check, in milliseconds; generations may be silent for little longer. */
const patienceMs = 800;

/** Checks whether a server answers at all, with one request at a time for all generations. Never rejects. */
export function createHealthCheck(
  answers: (signal: AbortSignal) => Promise<boolean>,
  clock: Clock,
  signal: AbortSignal,
): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined;
  let answeredAt = Number.NEGATIVE_INFINITY;

  const check = async (): Promise<boolean> => {
    const isAlive = await within(clock, patienceMs, signal, answers).catch(() => false);
    if (isAlive) answeredAt = clock.now();
    asking = undefined;
    return isAlive;
  };

  return () => {
    if (clock.now() - answeredAt < freshMs) return Promise.resolve(true);
    asking ??= check();
    return asking;
  };
}
