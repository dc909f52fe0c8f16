import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { capabilities, listCapabilities } from "../../../core/generation/capabilities.ts";
import { ModelLoadSchema } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type ExplainRouteResponse,
  ExplainRouteResponseSchema,
  type NodeVerdictSchema,
} from "../../../gen/cxmpute/router/v1/router_pb.ts";
import type { Candidate } from "./candidate.ts";
import type { RouteRequest } from "./filters.ts";
import type { Profile } from "./profile.ts";
import type { Ranking } from "./rank.ts";

/** A ranking as a response: best first, then the rejected. */
export function explain(
  { ranked, rejected }: Ranking,
  request: RouteRequest,
  profile: Profile,
): ExplainRouteResponse {
  const verdicts: MessageInitShape<typeof NodeVerdictSchema>[] = [
    ...ranked.map(({ candidate, scores, total }) => ({
      node: candidate.node,
      scores: profile.map(({ scorer, weight }, index) => ({
        scorer: scorer.name,
        value: scores[index] ?? 0,
        weight,
      })),
      total,
      ...describe(candidate, request),
    })),
    ...rejected.map(({ candidate, filter, reason }) => ({
      node: candidate.node,
      rejectedBy: filter,
      reason,
      ...describe(candidate, request),
    })),
  ];
  return create(ExplainRouteResponseSchema, { verdicts });
}

function describe(
  { served, slots, running, waiting, offers, measuredTokenMs }: Candidate,
  { generation: { model }, needs }: RouteRequest,
): MessageInitShape<typeof NodeVerdictSchema> {
  if (served === undefined) return {};
  return {
    load: create(ModelLoadSchema, { model, slots, running, waiting }),
    missing: listCapabilities(needs & ~offers).map((name) => capabilities[name].verb),
    ...(measuredTokenMs === undefined || measuredTokenMs === 0
      ? {}
      : { tokensPerSecond: 1000 / measuredTokenMs }),
  };
}
