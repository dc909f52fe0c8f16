import type { Clock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { signOfLife } from "../../../../core/generation/events.ts";
import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** How often a silent server is asked whether it is still there; under half of what the router's patience is. */
export const heartbeatMs = 400;

/** What a detector needs. */
export interface StallDetectorOptions {
  readonly clock: Clock;
  /** Whether the server answers at all right now. Never rejects. */
  readonly isAlive: () => Promise<boolean>;
  /** How long the server may be silent before the first event of an answer, in milliseconds. */
  readonly beginLimitMs: number;
  /** The same between two events. */
  readonly stallLimitMs: number;
  /** What the failure says of a server that was silent for this many seconds. */
  readonly stalled: (seconds: number) => string;
}

/**
 * Keeps watch over one answer while nothing comes, and gives its signs of life.
 *
 * The mesh takes a generation away from a node that shows no sign of life for 1.5 s, and an engine must not show one
 * unless it has really moved. What a server behind HTTP does between two events cannot be seen, and most send
 * nothing at all while they load a model, read a prompt, queue a request inside, or hold the text of a tool call back.
 * So this counts as having moved:
 * - anything that the server sends, comments and llama-server's progress of the prompt included;
 * - while it sends nothing: that it answers a cheap question beside it, asked every 400 ms. A process that is gone,
 *   frozen or cut off does not, so its generations move to another node as soon as any other's do.
 *
 * The second shows the process alive, not this generation; so it counts for a limited time only. Then the answer has
 * stalled and fails.
 */
export class StallDetector {
  readonly #options: StallDetectorOptions;
  #movedAt: number;
  #shownAt: number;
  #limitMs: number;

  constructor(options: StallDetectorOptions) {
    this.#options = options;
    this.#movedAt = options.clock.now();
    this.#shownAt = this.#movedAt;
    this.#limitMs = options.beginLimitMs;
  }

  /** The server has sent something. */
  moved(): void {
    this.#movedAt = this.#options.clock.now();
  }

  /** An event has gone out; `hasBegun`: with it the answer has. */
  shown(hasBegun: boolean): void {
    this.#shownAt = this.#options.clock.now();
    if (hasBegun) this.#limitMs = this.#options.stallLimitMs;
  }

  /** True when the server has moved but nothing has gone out for a while. */
  get isDue(): boolean {
    return this.#movedAt - this.#shownAt >= heartbeatMs / 2;
  }

  /**
   * Waits for `work`, giving signs of life meanwhile; throws `engine_failed` when it takes too long. How long the reader
   * of the answer took before does not count.
   */
  async *over<T>(work: Promise<T>): AsyncGenerator<GenerationEvent, T> {
    const { clock, isAlive, stalled } = this.#options;
    const since = clock.now();
    let settled = false;
    const settle = () => {
      settled = true;
    };
    const done = work.then(settle, settle);
    for (;;) {
      await this.#heartbeatOr(done);
      if (settled) return await work;
      const silentMs = clock.now() - since;
      if (silentMs >= this.#limitMs)
        throw new MeshError("engine_failed", stalled(Math.round(silentMs / 1000)));
      if (!(await Promise.race([done.then(() => false), isAlive()]))) continue;
      this.shown(false);
      yield signOfLife();
    }
  }

  async #heartbeatOr(done: Promise<void>): Promise<void> {
    const heartbeat = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(heartbeatMs, heartbeat.resolve);
    await Promise.race([done, heartbeat.promise]);
    timer.cancel();
  }
}

/**
 * Passes events on and yields signs of life between them, for upstreams of which nothing is seen but their events: a
 * detector over each of them.
 */
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
    // A source in the middle of a read stops only when that read settles, so it is not waited for here.
    pending?.catch(() => {});
    void Promise.resolve(source.return?.()).catch(() => {});
  }
}
