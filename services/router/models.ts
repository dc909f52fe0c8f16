import { create } from "@bufbuild/protobuf";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Model, ModelSchema } from "../../gen/cxmpute/router/v1/router_pb.ts";
import type { Fleet } from "./fleet/fleet.ts";
import type { Candidate } from "./routing/candidate.ts";
import { isAble, type RouteRequest } from "./routing/filters.ts";

/** A request that any ready node can serve. */
const anything: RouteRequest = { generation: create(GenerationSchema), needs: 0, tried: [] };

/** Models that a ready node serves, sorted by name. */
export function listModels(fleet: Fleet): Model[] {
  return fleet.models.flatMap((name) => {
    const ready = fleet.candidates(name).filter((candidate) => isAble(candidate, anything));
    if (ready.length === 0) return [];
    return create(ModelSchema, {
      name,
      nodes: ready.length,
      slots: ready.reduce((sum, { slots }) => sum + slots, 0),
      contextLength: Math.max(...ready.map(({ served }) => served?.contextLength ?? 0)),
      since: BigInt(Math.floor(fleet.seenSince(name) / 1000)),
      ...toSpeed(ready),
    });
  });
}

/** The median, because one machine may be a hundred times as fast as the next. */
function toSpeed(ready: readonly Candidate[]): { tokensPerSecond?: number } {
  const times = ready
    .flatMap(({ measuredTokenMs: ms }) => (ms === undefined || ms === 0 ? [] : [ms]))
    .sort((a, b) => a - b);
  const upper = times[times.length >> 1];
  const lower = times[(times.length - 1) >> 1];
  if (upper === undefined || lower === undefined) return {};
  return { tokensPerSecond: 2000 / (upper + lower) };
}
