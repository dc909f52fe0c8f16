import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Layer } from "../../../core/layers.ts";
import type { Begin } from "../call.ts";

/** Timers reach no further, in milliseconds: 24 days, which no generation lasts. */
const longestTimerMs = 2 ** 31 - 1;

/** Ends a generation with `deadline` when its caller's time is over, wherever it is then. */
export const deadline =
  ({ clock }: { clock: Clock }): Layer<Begin> =>
  (next) =>
  (call) => {
    const timeoutMs = call.generation.limits?.timeoutMs;
    if (timeoutMs !== undefined) {
      const timer = clock.after(Math.min(timeoutMs, longestTimerMs), () =>
        call.abort(
          new MeshError(
            "deadline",
            `The answer was not complete within the ${timeoutMs} ms that were given.`,
          ),
        ),
      );
      call.onEnd(() => timer.cancel());
    }
    return next(call);
  };
