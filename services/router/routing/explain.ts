import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ModelLoadSchema } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type ExplainRouteResponse,
  ExplainRouteResponseSchema,
  type NodeVerdictSchema,
} from "../../../gen/cxmpute/router/v1/router_pb.ts";
import type { Candidate } from "./candidate.ts";
import type { Profile } from "./profile.ts";
import type { Ranking } from "./rank.ts";

/** Tells a ranking as it goes over the wire: best first, then the rejected. */
export function explain(
  { ranked, rejected }: Ranking,
  model: string,
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
      ...toLoad(candidate, model),
    })),
    ...rejected.map(({ candidate, filter, reason }) => ({
      node: candidate.node,
      rejectedBy: filter,
      reason,
      ...toLoad(candidate, model),
    })),
  ];
  return create(ExplainRouteResponseSchema, { verdicts });
}

function toLoad({ served, slots, running, waiting }: Candidate, model: string) {
  return served === undefined ? {} : { load: create(ModelLoadSchema, { model, slots, running, waiting }) };
}
