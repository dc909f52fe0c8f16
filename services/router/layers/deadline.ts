import type { Call, StartAnswer } from "../../../core/answers/call.ts";
import { type Clock, longestTimerMs } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Layer } from "../../../core/layers.ts";

/** How long generations may take. */
export interface DeadlineOptions {
  readonly clock: Clock;
  /** The longest that an answer may take, in milliseconds, whatever its caller allows; absent for no limit. */
  readonly answerTimeoutMs?: number;
}

/** Ends a generation with `deadline` when its caller's time limit or the mesh's is over. */
export const deadline =
  <C extends Call>({
    clock,
    answerTimeoutMs = Number.POSITIVE_INFINITY,
  }: DeadlineOptions): Layer<StartAnswer<C>> =>
  (next) =>
  (call) => {
    const timeoutMs = Math.min(
      call.generation.limits?.timeoutMs ?? Number.POSITIVE_INFINITY,
      answerTimeoutMs,
    );
    if (timeoutMs < Number.POSITIVE_INFINITY) {
      const timer = clock.after(Math.min(timeoutMs, longestTimerMs), () =>
        call.abort(
          new MeshError("deadline", `The answer did not complete within its time limit of ${timeoutMs} ms.`),
        ),
      );
      call.onEnd(() => timer.cancel());
    }
    return next(call);
  };
