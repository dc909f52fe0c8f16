import { create } from "@bufbuild/protobuf";
import type { Ending, StartAnswer } from "../../../core/answers/call.ts";
import type { Clock } from "../../../core/clock.ts";
import { type MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import {
  type Delta,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { RoutedCall } from "../call.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Candidate } from "../routing/candidate.ts";
import { isAble } from "../routing/filters.ts";
import { pick } from "../routing/pick.ts";
import type { Profile } from "../routing/profile.ts";
import { refuse } from "../routing/refuse.ts";
import { NodeAnswer } from "./node-answer.ts";

/** How to dispatch generations. */
export interface DispatchOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  readonly profile: Profile;
  /** How long a node may show nothing new, in milliseconds; default: five minutes. */
  readonly progressTimeoutMs?: number;
}

const defaultProgressTimeoutMs = 300_000;

/** Sends a generation to the best node, up to its first token; reserves at once, so that the next pick counts it. */
export function dispatch(options: DispatchOptions): StartAnswer<RoutedCall> {
  const { fleet, clock, log, profile, progressTimeoutMs = defaultProgressTimeoutMs } = options;
  const breaches = new BreachLog(clock, log);
  return async (call) => {
    const { model } = call.generation;
    const candidates = fleet.candidates(model);
    const best = pick(call, candidates, profile);
    if (best === undefined) throw refuse(call, candidates, fleet.knowledgeOf(model));
    const nodeId = best.node.id;
    const reservation = fleet.reserve(nodeId, model);
    call.attempts.push(nodeId);
    call.tried.push(nodeId);
    let answer: NodeAnswer | undefined;
    const leave = (ending: Ending) => {
      answer?.close();
      call.discrepancy += answer?.check.discrepancy ?? 0;
      reservation.leave(ending);
    };
    try {
      const onBreach = (error: MeshError) => breaches.add(nodeId, call.asked.id, error);
      const { generate } = reservation;
      answer = new NodeAnswer({ call, generate, clock, progressTimeoutMs, onBreach });
      const { check } = answer;
      const head = await readHead(answer, nodeId);
      reservation.markFirstToken(() => check.paceTokens);
      call.firstTokenMs ??= clock.now() - call.receivedAt;
      call.onEnd(leave);
      return { head, rest: answer, leave };
    } catch (thrown) {
      const error = call.ending?.error ?? toMeshError(thrown);
      leave({ error });
      if (error.code === "context_length_exceeded") raiseLeastContext(call, best, candidates);
      throw error;
    }
  };
}

/** A prompt that is too long for one node may fit on another: restricts it to nodes with more context, if any. */
function raiseLeastContext(call: RoutedCall, { served }: Candidate, candidates: readonly Candidate[]): void {
  const { generation, needs, tried } = call;
  const leastContext = (served?.contextLength ?? 0) + 1;
  const request = { generation, needs, tried, leastContext };
  if (candidates.some((candidate) => isAble(candidate, request))) call.leastContext = leastContext;
}

/** The most deltas that are held back: a character of several tokens shows nothing before the last. */
const headLimit = 16;

/** Holds events back until there is something to show: a failover must not show two `started`. */
async function readHead(answer: NodeAnswer, nodeId: string): Promise<GenerationEvent[]> {
  const head: GenerationEvent[] = [];
  for (;;) {
    const { value, done } = await answer.next();
    if (done === true) throw answer.check.incomplete();
    const { event } = value;
    if (head.length === 0) head.push(withNodeId(value, nodeId));
    else if (event.case !== "delta" || showsSomething(event.value) || head.length > headLimit) {
      head.push(value);
      return head;
    } else if (event.value.tokenIds.length > 0) head.push(value);
  }
}

/** `started` with the mesh's own name for the node, whatever the node calls itself. */
function withNodeId(event: GenerationEvent, nodeId: string): GenerationEvent {
  if (event.event.case !== "started" || event.event.value.nodeId === nodeId) return event;
  return create(GenerationEventSchema, {
    event: { case: "started", value: { ...event.event.value, nodeId } },
  });
}

const showsSomething = ({ text, reasoning, toolCalls, logprobs }: Delta): boolean =>
  text !== "" || reasoning !== "" || toolCalls.length > 0 || logprobs.length > 0;

/** The least time between two lines about one node, in milliseconds: a node that lies does so in every answer. */
const breachLogMs = 60_000;
/** The most nodes of which the last line is remembered. */
const breachNodeLimit = 1000;

/** Logs what nodes do that the contract forbids. */
class BreachLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lastAt = new Map<string, number>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  add(nodeId: string, generationId: string, { message }: MeshError): void {
    const now = this.#clock.now();
    if (now - (this.#lastAt.get(nodeId) ?? Number.NEGATIVE_INFINITY) < breachLogMs) return;
    if (this.#lastAt.size >= breachNodeLimit) this.#lastAt.clear();
    this.#lastAt.set(nodeId, now);
    this.#log.warn(
      { node_id: nodeId, generation_id: generationId, reason: message },
      "node broke the contract",
    );
  }
}
