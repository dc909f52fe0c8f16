import { needsOf } from "../../../core/generation/capabilities.ts";
import type { RelayClient, SilentGeneration } from "../../../core/relay/contract.ts";
import type { Generation, ResumePoint } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { isAble, reluctance } from "../routing/filters.ts";

/** From this silence on, an answer may also continue on a node that would not give the same tokens, in milliseconds. */
const inexactAfterMs = 5000;

/** Whether a node can take a silent generation now: another one, or its own that has attached again meanwhile. */
export function canTakeOver(
  fleet: Fleet,
  { nodeId, relay }: { readonly nodeId: string; readonly relay: RelayClient },
  { generation, hasBegun, silentMs }: SilentGeneration,
): boolean {
  const candidates = fleet.candidates(generation.model);
  const others = candidates.filter(
    (candidate) =>
      reluctance(candidate) <= 1 && !(candidate.node.id === nodeId && fleet.isCurrent(nodeId, relay)),
  );
  if (others.length === 0) return false;
  const needs = needsOf(generation);
  const canTake = (asked: Generation) =>
    others.some((candidate) => isAble(candidate, { generation: asked, needs, tried: [] }));
  if (!hasBegun) return canTake(generation);
  const fingerprint = candidates.find(({ node }) => node.id === nodeId)?.served?.fingerprint ?? "";
  if (fingerprint !== "" && canTake(resumed(generation, { tokenIds: [0], fingerprint }))) return true;
  // Calls that have been shown cannot be continued from their text.
  return silentMs >= inexactAfterMs && generation.tools.length === 0 && canTake(resumed(generation, {}));
}

const resumed = (generation: Generation, point: Partial<ResumePoint>): Generation => ({
  ...generation,
  resume: {
    $typeName: "cxmpute.generation.v1.ResumePoint",
    tokenIds: [],
    text: "…",
    fingerprint: "",
    beingRead: true,
    ...point,
  },
});
