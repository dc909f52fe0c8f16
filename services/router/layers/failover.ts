import type { StartAnswer } from "../../../core/answers/call.ts";
import type { Kind } from "../../../core/errors/kinds.ts";
import { type MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Layer } from "../../../core/layers.ts";
import type { RoutedCall } from "../call.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** How far failover goes. */
export interface FailoverOptions {
  readonly budget: RetryBudget;
  /** The most attempts: a generation that breaks engines must not break them all. */
  readonly attemptLimit: number;
}

/**
 * Moves a generation that failed to the next node, within the retry budget. Continuations (`continue-answer.ts`) come
 * here too and need no budget: their work is half done, and a full mesh does not lose nodes by the hundred.
 */
export const failover =
  ({ budget, attemptLimit }: FailoverOptions): Layer<StartAnswer<RoutedCall>> =>
  (next) =>
  async (call) => {
    const isContinuation = call.firstTokenMs !== undefined;
    if (!isContinuation) budget.deposit();
    let failure: MeshError | undefined;
    for (let tries = 1; ; tries++) {
      const { leastContext } = call;
      const attempts = call.attempts.length;
      try {
        return await next(call);
      } catch (error) {
        const noNodeLeft = call.attempts.length === attempts;
        if (noNodeLeft) throw failure ?? error;
        failure = toMeshError(error);
        const fitsElsewhere = call.leastContext !== leastContext;
        if (!isRefusal(failure)) call.failures++;
        if (call.ending !== undefined || !(isMovable(failure) || fitsElsewhere)) throw failure;
        if ((isContinuation ? call.failures : tries) >= attemptLimit) throw failure;
        if (!(isContinuation || budget.withdraw())) throw failure;
      }
    }
  };

/** Errors of a node that has no room or time, and has not failed the generation. */
const refusals: ReadonlySet<Kind> = new Set(["saturated", "queue_expired", "no_nodes"]);

/** Whether another node may succeed. */
export const isMovable = ({ kind, row }: MeshError): boolean =>
  row.retry === "elsewhere" || refusals.has(kind);

/** Whether a node, or the router for all of them, has no room or time for the generation, without having failed it. */
export const isRefusal = ({ kind }: MeshError): boolean => refusals.has(kind);
