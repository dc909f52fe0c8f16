import { create } from "@bufbuild/protobuf";
import type { Ending, StartAnswer, StartedAnswer } from "../../../core/answers/call.ts";
import type { Clock } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import {
  type Delta,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { RoutedCall } from "../call.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Reservation } from "../fleet/reservation.ts";
import type { Candidate } from "../routing/candidate.ts";
import { isAble } from "../routing/filters.ts";
import { pick } from "../routing/pick.ts";
import type { Profile } from "../routing/profile.ts";
import { refuse } from "../routing/refuse.ts";

/** How to dispatch generations. */
export interface DispatchOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly profile: Profile;
}

/** Sends a generation to the best node, up to its first token; reserves at once, so that the next pick counts it. */
export const dispatch =
  ({ fleet, clock, profile }: DispatchOptions): StartAnswer<RoutedCall> =>
  async (call) => {
    const { model } = call.generation;
    const candidates = fleet.candidates(model);
    const best = pick(call, candidates, profile);
    if (best === undefined)
      throw refuse(call, candidates, { informed: fleet.informed, known: fleet.knows(model) });
    const nodeId = best.node.id;
    const reservation = fleet.reserve(nodeId, model);
    call.attempts.push(nodeId);
    call.tried.push(nodeId);
    const before = call.deliveredTokens;
    const leave = (ending: Ending) => reservation.leave(ending, before);
    try {
      const { head, rest } = await readHead(reservation, call, nodeId);
      reservation.markFirstToken();
      call.firstTokenMs ??= clock.now() - call.receivedAt;
      call.onEnd(leave);
      return { head, rest, leave };
    } catch (thrown) {
      const error = call.ending?.error ?? toNodeFailure(thrown, nodeId);
      leave({ error });
      if (error.code === "context_length_exceeded") raiseLeastContext(call, best, candidates);
      throw error;
    }
  };

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
async function readHead(
  reservation: Reservation,
  call: RoutedCall,
  nodeId: string,
): Promise<Omit<StartedAnswer, "leave">> {
  const rest = reservation.generate(call.generation, call.signal)[Symbol.asyncIterator]();
  const head: GenerationEvent[] = [];
  for (;;) {
    const { value, done } = await rest.next();
    if (done === true) throw new MeshError("engine_failed", "The node ended its answer before it began.");
    const { event } = value as GenerationEvent;
    const first = head.length === 0;
    if (first !== (event.case === "started")) {
      await rest.return?.();
      throw new MeshError("engine_failed", "The node's answer did not begin with exactly one `started`.");
    }
    if (first) head.push(withNodeId(value, nodeId));
    else if (event.case !== "delta" || showsSomething(event.value) || head.length > headLimit) {
      head.push(value);
      return { head, rest };
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

/** A node's failure as the mesh reports it: the caller is not blamed for what the node caused. */
function toNodeFailure(thrown: unknown, nodeId: string): MeshError {
  const error = toMeshError(thrown);
  if (error.kind === "model_not_found")
    return new MeshError("no_nodes", `Node \`${nodeId}\` no longer serves the model.`, { cause: error });
  if (error.kind === "cancelled")
    return new MeshError("node_lost", `Node \`${nodeId}\` abandoned the answer.`, { cause: error });
  return error;
}
