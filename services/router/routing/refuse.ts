import { MeshError } from "../../../core/errors/mesh-error.ts";
import { type CapabilitySet, listCapabilities, unsupported } from "../../../core/generation/capabilities.ts";
import { canResume } from "../../../core/generation/resume.ts";
import { loopCode, loopMessage } from "../../../core/hops.ts";
import type { Candidate } from "./candidate.ts";
import { cameThrough, type RouteRequest } from "./filters.ts";

/** When to retry for a model that no node serves now. */
const noNodesRetryMs = 5000;

/**
 * Why no node can have a generation, as an error for its caller. `informed`: the registry has been heard; `known`: some
 * node has served the model.
 */
export function refuse(
  { generation, needs }: RouteRequest,
  candidates: readonly Candidate[],
  { informed, known }: { readonly informed: boolean; readonly known: boolean },
): MeshError {
  const { model } = generation;
  const serving = candidates.filter(({ served }) => served !== undefined);
  if (!informed)
    return noNodes("The router has not heard from the registry yet, so it knows no nodes: try again soon.");
  if (serving.length === 0 && !known)
    return new MeshError(
      "model_not_found",
      `The model \`${model}\` does not exist or you do not have access to it.`,
      { param: "model" },
    );
  if (serving.length > 0 && serving.every(({ served }) => cameThrough(served!, generation)))
    return new MeshError("engine_failed", loopMessage, { code: loopCode });
  if (serving.length > 0 && !serving.some(({ offers }) => (needs & ~offers) === 0))
    return unsupportedByAll(model, needs, serving);
  if (serving.length > 0 && !serving.some(({ served }) => canResume(served!, generation)))
    return unsupported(`No node that serves \`${model}\` can`, ["resume"]);
  return noNodes(`No node serves the model \`${model}\` right now: try again soon.`);
}

function noNodes(message: string): MeshError {
  return new MeshError("no_nodes", message, { retryAfterMs: noNodesRetryMs });
}

/** Names what no node can do; when some node can do each, what no node can do together. */
function unsupportedByAll(model: string, needs: CapabilitySet, serving: readonly Candidate[]): MeshError {
  const missing = serving.reduce((left, { offers }) => left & ~offers, needs);
  const lack = listCapabilities(missing === 0 ? needs : missing);
  return unsupported(`No ${lack.length > 1 ? "single " : ""}node that serves \`${model}\` can`, lack);
}
