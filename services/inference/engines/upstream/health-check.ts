import type { Clock } from "../../../../core/clock.ts";
import { within } from "../../../../core/streams/within.ts";

/** How long an answer is reused, in milliseconds. */
const freshMs = 300;
/** The time limit of a check, in milliseconds; generations may be silent for little longer. */
const patienceMs = 800;

/**
 * Checks whether a server answers at all, with one cheap request at a time for all waiting generations. `answers` asks
 * the server; throwing counts as no. `signal` ends with the engine. The check never rejects.
 */
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
