import { type Clock, sleep } from "../../core/clock.ts";
import type { MeshError } from "../../core/errors/mesh-error.ts";
import {
  type ContinuationStrategy,
  listContinuations,
  type PartialAnswer,
} from "../../core/generation/continuation.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { Continuation } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Call, StartAnswer, StartedAnswer } from "./call.ts";
import type { Fleet } from "./fleet/fleet.ts";
import { isMovable } from "./layers/failover.ts";
import { isSuited } from "./routing/filters.ts";

/** How to continue answers. */
export interface ContinuationOptions {
  /** Failover and dispatch. */
  readonly start: StartAnswer;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  /** How long an answer may wait for a node that can continue it, in milliseconds. */
  readonly patienceMs: number;
  /** The most attempts at one continuation that may fail; the same as in failover. */
  readonly attemptLimit: number;
}

/** Continues an answer whose node failed on another; rejects with `failure` when no node can continue it in time. */
export type ContinueAnswer = (
  call: Call,
  partial: PartialAnswer,
  failure: MeshError,
) => Promise<StartedAnswer>;

/** The most nodes that one answer may outlive: enough for a rolling restart, too few for a prompt to break a fleet. */
const continuationLimit = 8;

const retryMs = 100;

/**
 * While the nodes that could continue an answer are away or full, its reader waits: often the lost node itself comes
 * back. So all strategies are tried each time, best first.
 */
export const continueAnswer =
  ({ start, fleet, clock, log, patienceMs, attemptLimit }: ContinuationOptions): ContinueAnswer =>
  async (call, partial, failure) => {
    if (call.ending !== undefined || !isMovable(failure)) throw failure;
    if (call.continuations.length >= continuationLimit) throw failure;
    const strategies = listContinuations(partial).filter((strategy) => isPossible(strategy, call, fleet));
    if (strategies.length === 0) throw failure;
    const { tokens } = partial.delivered;
    const lostAt = clock.now();
    const lostNode = call.attempts.at(-1) ?? "";
    call.deliveredTokens = (call.asked.resume?.tokenIds.length ?? 0) + tokens;
    call.tried = [lostNode];
    call.failures = 0;
    for (;;) {
      for (const strategy of strategies) {
        try {
          const answer = await startContinuation(strategy, call, start);
          const continuation = toContinuation(answer, call, strategy, tokens);
          call.continuations.push(continuation);
          const stallMs = Math.round(clock.now() - lostAt);
          // One line for each stream of the lost node, so an exact continuation is no warning.
          log[strategy.exact ? "info" : "warn"](
            { ...toFields(continuation, call, lostNode), stall_ms: stallMs, reason: failure.message },
            "answer continued on another node",
          );
          return answer;
        } catch {
          if (call.ending !== undefined || call.failures >= attemptLimit) throw failure;
        }
      }
      if (clock.now() - lostAt >= patienceMs) throw failure;
      await sleep(clock, retryMs, call.signal);
      call.tried = [];
    }
  };

const toContinuation = (
  { head: [first] }: StartedAnswer,
  { attempts }: Call,
  { exact }: ContinuationStrategy,
  afterTokens: number,
): Continuation => ({
  $typeName: "cxmpute.generation.v1.Continuation",
  nodeId: attempts.at(-1) ?? "",
  afterTokens,
  exact,
  fingerprint: first?.event.case === "started" ? first.event.value.fingerprint : "",
});

const toFields = ({ nodeId, afterTokens, exact }: Continuation, { asked }: Call, lostNode: string) => ({
  generation_id: asked.id,
  from: lostNode,
  to: nodeId,
  after_tokens: afterTokens,
  exact,
});

function isPossible(
  { generation }: ContinuationStrategy,
  { needs, leastContext }: Call,
  fleet: Fleet,
): boolean {
  const request = { generation, needs, leastContext, tried: [] };
  return fleet.candidates(generation.model).some((candidate) => isSuited(candidate, request));
}

async function startContinuation(
  { generation, toUsage }: ContinuationStrategy,
  call: Call,
  start: StartAnswer,
): Promise<StartedAnswer> {
  call.generation = generation;
  const answer = await start(call);
  call.amend = (finished) => {
    const usage = finished.usage === undefined ? undefined : toUsage(finished.usage);
    return { ...finished, continuations: call.continuations, ...(usage === undefined ? {} : { usage }) };
  };
  return answer;
}
