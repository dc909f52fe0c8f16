import {
  type Continuation,
  FinishReason,
  type Generation,
  type GenerationEvent,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Clock, sleep } from "../clock.ts";
import type { MeshError } from "../errors/mesh-error.ts";
import type { Log } from "../telemetry/log.ts";
import type { Call, StartAnswer, StartedAnswer } from "./call.ts";
import { type ContinuationStrategy, listContinuations, type PartialAnswer } from "./continuation.ts";

/** How to continue answers. */
export interface ContinuationOptions<C extends Call> {
  /** Starts what remains at a source that has not been tried. */
  readonly start: StartAnswer<C>;
  /** Whether another source may continue an answer after this failure. */
  readonly mayContinue: (call: C, failure: MeshError) => boolean | Promise<boolean>;
  /** Whether some source could take this, now or later. */
  readonly isPossible: (generation: Generation, call: C) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** What a source is called in the log, such as `node`. */
  readonly sourceName: string;
  /** How long an answer may wait for a source that can continue it, in milliseconds. */
  readonly patienceMs: number;
  /** The most attempts at one continuation that may fail. */
  readonly attemptLimit: number;
}

/** Continues an answer whose source failed at another one; rejects with `failure` when none can continue it in time. */
export type ContinueAnswer<C extends Call = Call> = (
  call: C,
  partial: PartialAnswer,
  failure: MeshError,
) => Promise<StartedAnswer>;

/** The most sources that one answer may outlive: enough for a rolling restart, too few for a prompt to break a fleet. */
const continuationLimit = 8;

const retryMs = 100;

/**
 * While the sources that could continue an answer are away or full, its reader waits: often the lost one itself comes
 * back. So all strategies are tried each time, best first.
 */
export const continueAnswer = <C extends Call>(options: ContinuationOptions<C>): ContinueAnswer<C> => {
  const { start, mayContinue, isPossible, clock, log, sourceName, patienceMs, attemptLimit } = options;
  return async (call, partial, failure) => {
    if (call.ending !== undefined || !(await mayContinue(call, failure))) throw failure;
    if (call.continuations.length >= continuationLimit) throw failure;
    const strategies = listContinuations(partial).filter(({ generation }) => isPossible(generation, call));
    if (strategies.length === 0) throw failure;
    const { tokens } = partial.delivered;
    const lostAt = clock.now();
    const lost = call.attempts.at(-1) ?? "";
    call.deliveredTokens = (call.asked.resume?.tokenIds.length ?? 0) + tokens;
    call.tried = [lost];
    call.failures = 0;
    for (;;) {
      for (const strategy of strategies) {
        try {
          const answer = await startContinuation(strategy, call, start);
          const continuation = toContinuation(answer, call, strategy, partial);
          call.continuations.push(continuation);
          // One line for each stream of the lost source, so an exact continuation is no warning.
          log[continuation.exact ? "info" : "warn"](
            {
              generation_id: call.asked.id,
              from: lost,
              to: call.attempts.at(-1),
              after_tokens: tokens,
              exact: continuation.exact,
              stall_ms: Math.round(clock.now() - lostAt),
              reason: failure.message,
            },
            `answer continued on another ${sourceName}`,
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
};

function toContinuation(
  { head: [first] }: StartedAnswer,
  { attempts }: Call,
  { exact }: ContinuationStrategy,
  { delivered, fingerprint: lost }: PartialAnswer,
): Continuation {
  const started = first?.event.case === "started" ? first.event.value : undefined;
  const fingerprint = started?.fingerprint ?? "";
  return {
    $typeName: "cxmpute.generation.v1.Continuation",
    nodeId: started?.nodeId ?? attempts.at(-1) ?? "",
    afterTokens: delivered.tokens,
    exact: exact && (lost === "" || lost === fingerprint),
    fingerprint,
  };
}

async function startContinuation<C extends Call>(
  { generation, toUsage, isComplete = false }: ContinuationStrategy,
  call: C,
  start: StartAnswer<C>,
): Promise<StartedAnswer> {
  call.generation = generation;
  const answer = await start(call);
  call.amend = (finished) => ({
    ...finished,
    ...(finished.usage === undefined ? {} : { usage: toUsage(finished.usage) }),
    ...(isComplete ? { reason: FinishReason.LENGTH, stop: "" } : {}),
  });
  return isComplete ? onlyEnd(answer) : answer;
}

/** Leaves out all that an answer shows; its end has the usage that is missing. */
function onlyEnd({ head: [started, ...head], rest, ...answer }: StartedAnswer): StartedAnswer {
  const isShown = ({ event }: GenerationEvent) => event.case !== "delta";
  async function* end(): AsyncGenerator<GenerationEvent> {
    for await (const event of { [Symbol.asyncIterator]: () => rest }) if (isShown(event)) yield event;
  }
  return { ...answer, head: [started!, ...head.filter(isShown)], rest: end() };
}
