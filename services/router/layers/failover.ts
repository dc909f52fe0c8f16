import type { Kind } from "../../../core/errors/kinds.ts";
import { type MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Layer } from "../../../core/layers.ts";
import type { Begin } from "../call.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** How far failover goes. */
export interface FailoverOptions {
  readonly budget: RetryBudget;
  /** The most nodes that one generation is tried on: one that breaks engines must not break them all. */
  readonly attemptLimit: number;
}

/**
 * Before the first token, moves a generation that failed on one node to the next, within the retry budget. The core below
 * records each attempt in `call.attempts` and takes no node that is among `call.tried`. What has begun to show and lost
 * its node comes through here again (`continuation/`), outside of the budget: its work is half done, and nodes are
 * not lost by the hundred because a mesh is full.
 */
export const failover =
  ({ budget, attemptLimit }: FailoverOptions): Layer<Begin> =>
  (next) =>
  async (call) => {
    const hasBegun = call.firstTokenMs !== undefined;
    if (!hasBegun) budget.deposit();
    let failure: MeshError | undefined;
    for (let tries = 1; ; tries++) {
      const { leastContext } = call;
      const attempts = call.attempts.length;
      try {
        return await next(call);
      } catch (error) {
        const nobodyLeft = call.attempts.length === attempts;
        if (nobodyLeft) throw failure ?? error;
        failure = toMeshError(error);
        const fitsElsewhere = call.leastContext !== leastContext;
        if (!isOneNodesTrouble(failure)) call.failures++;
        if (call.ending !== undefined || !(isMovable(failure) || fitsElsewhere)) throw failure;
        if ((hasBegun ? call.failures : tries) >= attemptLimit) throw failure;
        if (!(hasBegun || budget.withdraw())) throw failure;
      }
    }
  };

/** What one node says of itself, or of its engine, and another need not. */
const oneNodesTrouble: ReadonlySet<Kind> = new Set(["saturated", "queue_expired", "no_nodes"]);

/** Whether another node may do better. */
export const isMovable = ({ kind, row }: MeshError): boolean =>
  row.retry === "elsewhere" || oneNodesTrouble.has(kind);

/** Whether a node, or the router for all of them, has no room or no time for the generation, without having failed it. */
export const isOneNodesTrouble = ({ kind }: MeshError): boolean => oneNodesTrouble.has(kind);
