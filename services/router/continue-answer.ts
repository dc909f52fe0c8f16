import { type Clock, sleep } from "../../core/clock.ts";
import type { MeshError } from "../../core/errors/mesh-error.ts";
import {
  type ContinuationStrategy,
  listContinuations,
  type PartialAnswer,
} from "../../core/generation/continuation.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { Continuation } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Begin, Begun, Call } from "./call.ts";
import type { Fleet } from "./fleet/fleet.ts";
import { isMovable } from "./layers/failover.ts";
import { isSuited } from "./routing/filters.ts";

/** How far an answer that has begun to show is followed. */
export interface ContinuationOptions {
  /** Failover and dispatch: what sends a generation to a node. */
  readonly begin: Begin;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  /** How long an answer may wait for a node that can continue it, in milliseconds. */
  readonly patienceMs: number;
  /** The most attempts at one continuation that may fail; the same as of failover below. */
  readonly attemptLimit: number;
}

/**
 * Continues an answer whose node failed on another one. Resolves with what follows; rejects with the failure when no
 * strategy applies, or no node can within the time that it may wait.
 */
export type ContinueAnswer = (call: Call, partial: PartialAnswer, failure: MeshError) => Promise<Begun>;

/** The most nodes that one answer may outlive: enough for a rolling restart, too few to break a fleet by a prompt. */
const continuationLimit = 8;

/** How often a node is looked for that was not there before. */
const lookMs = 100;

/**
 * Makes the continuation of answers. While the nodes that could continue one are away or full, the reader waits: often it
 * is the lost node itself that comes back. A strategy that failed may work then, so all are tried each time, best first.
 */
export const continueAnswer =
  ({ begin, fleet, clock, log, patienceMs, attemptLimit }: ContinuationOptions): ContinueAnswer =>
  async (call, partial, failure) => {
    if (call.ending !== undefined || !isMovable(failure)) throw failure;
    if (call.continuations.length >= continuationLimit) throw failure;
    const strategies = listContinuations(partial).filter((strategy) => hasHope(strategy, call, fleet));
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
          const begun = await start(strategy, call, begin);
          const continuation = toContinuation(begun, call, strategy, tokens);
          call.continuations.push(continuation);
          const stallMs = Math.round(clock.now() - lostAt);
          // One line for each stream of a node that is lost: what has cost nobody anything is no warning.
          log[strategy.exact ? "info" : "warn"](
            { ...toFields(continuation, call, lostNode), stall_ms: stallMs, reason: failure.message },
            "answer continued on another node",
          );
          return begun;
        } catch {
          if (call.ending !== undefined || call.failures >= attemptLimit) throw failure;
        }
      }
      if (clock.now() - lostAt >= patienceMs) throw failure;
      await sleep(clock, lookMs, call.signal);
      call.tried = [];
    }
  };

const toContinuation = (
  { head: [first] }: Begun,
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

/** Whether some node, the lost one included, is of a kind that can continue in this way. */
function hasHope({ generation }: ContinuationStrategy, { needs, leastContext }: Call, fleet: Fleet): boolean {
  const request = { generation, needs, leastContext, tried: [] };
  return fleet.candidates(generation.model).some((candidate) => isSuited(candidate, request));
}

async function start(
  { generation, toUsage }: ContinuationStrategy,
  call: Call,
  begin: Begin,
): Promise<Begun> {
  call.generation = generation;
  const begun = await begin(call);
  call.amend = (finished) => {
    const usage = finished.usage === undefined ? undefined : toUsage(finished.usage);
    return { ...finished, continuations: call.continuations, ...(usage === undefined ? {} : { usage }) };
  };
  return begun;
}
