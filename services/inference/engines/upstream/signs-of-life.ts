import type { Clock, Timer } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { signOfLife } from "../../events.ts";

/** How silence is filled. */
export interface SignsOfLifeOptions {
  readonly clock: Clock;
  /** Whether the upstream still answers: asked while the generation itself is silent. Never throws. */
  readonly alive: () => Promise<boolean>;
  /** Milliseconds of silence before it is asked; a mesh expects something every 500. */
  readonly periodMs?: number;
  /** Milliseconds of silence before the first event after which the generation fails, however alive the upstream is. */
  readonly beginLimitMs?: number;
  /** The same between two events; tool calls are held back whole, and slow machines write long ones. */
  readonly stallLimitMs?: number;
  /** Who is silent, for the failure's message. */
  readonly upstream: string;
}

/**
 * Passes events on and yields signs of life between them. Upstreams say nothing while they load a model, read a long
 * prompt or hold a tool call back, for minutes on a slow machine, and nothing shows from outside whether they move. So
 * the sign is that the server still answers a cheap request; one that hangs as a whole gives none. That shows the server
 * alive, not this generation, so it counts for a limited time only: five minutes before anything has come, two after.
 */
export async function* withSignsOfLife(
  events: AsyncIterable<GenerationEvent>,
  {
    clock,
    alive,
    periodMs = 350,
    beginLimitMs = 300_000,
    stallLimitMs = 120_000,
    upstream,
  }: SignsOfLifeOptions,
): AsyncGenerator<GenerationEvent> {
  const source = events[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<GenerationEvent>> | undefined;
  let heardAt = clock.now();
  let limitMs = beginLimitMs;
  try {
    for (;;) {
      pending ??= source.next();
      const result = await orSilence(pending, clock, periodMs);
      if (result === silence) {
        const silentMs = clock.now() - heardAt;
        if (silentMs >= limitMs)
          throw new MeshError(
            "engine_failed",
            `${upstream} has said nothing for ${Math.round(silentMs / 1000)} s, so the answer was given up.`,
          );
        if (await alive()) yield signOfLife();
        continue;
      }
      pending = undefined;
      heardAt = clock.now();
      if (result.done) return;
      if (result.value.event.case !== "started") limitMs = stallLimitMs;
      yield result.value;
    }
  } finally {
    // A source in the middle of a read stops only when that read settles, so nobody waits for it here.
    pending?.catch(() => {});
    void Promise.resolve(source.return?.()).catch(() => {});
  }
}

const silence = Symbol("silence");

/** What the promise gives, or `silence` after so long. */
async function orSilence<T>(promise: Promise<T>, clock: Clock, delayMs: number): Promise<T | typeof silence> {
  let timer: Timer | undefined;
  const silent = new Promise<typeof silence>((resolve) => {
    timer = clock.after(delayMs, () => resolve(silence));
  });
  try {
    return await Promise.race([promise, silent]);
  } finally {
    timer?.cancel();
  }
}
