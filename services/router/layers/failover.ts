import type { StartAnswer } from "../../../core/answers/call.ts";
import type { Kind } from "../../../core/errors/kinds.ts";
import { type MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Layer } from "../../../core/layers.ts";
import type { RoutedCall } from "../call.ts";
import type { LostBeginnings } from "./lost-beginnings.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** How far failover goes. */
export interface FailoverOptions {
  readonly budget: RetryBudget;
  /** The most attempts: a generation that breaks engines must not break them all. */
  readonly attemptLimit: number;
  readonly beginnings: LostBeginnings;
}

/**
 * Moves a generation that failed to the next node, within the retry budget. Continuations (`continue-answer.ts`) come
 * here too and need no budget: their work is half done, and a full mesh does not lose nodes by the hundred.
 */
export const failover =
  ({ budget, attemptLimit, beginnings }: FailoverOptions): Layer<StartAnswer<RoutedCall>> =>
  (next) =>
  async (call) => {
    const isContinuation = call.firstTokenMs !== undefined || call.asked.resume?.beingRead === true;
    if (!isContinuation) budget.deposit();
    const beginning = isContinuation ? undefined : beginnings.begin(call.generation);
    let hasBegun = false;
    let losses = 0;
    let failure: MeshError | undefined;
    try {
      for (let tries = 1; ; tries++) {
        const { leastContext } = call;
        const attempts = call.attempts.length;
        try {
          const answer = await next(call);
          hasBegun = true;
          return answer;
        } catch (error) {
          const noNodeLeft = call.attempts.length === attempts;
          if (noNodeLeft) throw failure ?? error;
          failure = toMeshError(error);
          const fitsElsewhere = call.leastContext !== leastContext;
          if (!isRefusal(failure)) call.failures++;
          if (call.ending !== undefined || !(isMovable(failure) || fitsElsewhere)) throw failure;
          if (failure.kind === "node_lost" && ++losses === beginning?.lossLimit) throw beginning.giveUp();
          if ((isContinuation ? call.failures : tries) >= attemptLimit) throw failure;
          if (!(isContinuation || budget.withdraw())) throw failure;
        }
      }
    } finally {
      beginning?.end(hasBegun);
    }
  };

/** Errors of a node that has no room or time, and has not failed the generation. */
const refusals: ReadonlySet<Kind> = new Set(["saturated", "queue_expired", "no_nodes"]);

/** Whether another node may succeed. */
export const isMovable = ({ kind, row }: MeshError): boolean =>
  row.retry === "elsewhere" || refusals.has(kind);

/** Whether a node, or the router for all of them, has no room or time for the generation, without having failed it. */
export const isRefusal = ({ kind }: MeshError): boolean => refusals.has(kind);
