import { MeshError } from "../../../core/errors/mesh-error.ts";
import { type CapabilitySet, listCapabilities, unsupported } from "../../../core/generation/capabilities.ts";
import { canResume } from "../../../core/generation/resume.ts";
import { loopCode, loopMessage } from "../../../core/hops.ts";
import type { Candidate } from "./candidate.ts";
import { cameThrough, type RouteRequest } from "./filters.ts";

/** When to retry for a model that no node serves now. */
const noNodesRetryMs = 5000;

/** What a router knows of a model beyond the nodes that serve it. */
export interface Knowledge {
  /** Whether the registry has been heard. */
  readonly informed: boolean;
  /** Whether no node has served anything in this router's life: then no name is known to be wrong. */
  readonly isUnused: boolean;
  /** Whether the model may come: it is in the catalogue, or some node has served it. */
  readonly known: boolean;
}

/** Why no node can have a generation, as an error for its caller. */
export function refuse(
  { generation, needs }: RouteRequest,
  candidates: readonly Candidate[],
  { informed, known, isUnused }: Knowledge,
): MeshError {
  const { model } = generation;
  const serving = candidates.filter(({ served }) => served !== undefined);
  if (!informed)
    return noNodes("The router has not heard from the registry yet, so it knows no nodes: try again soon.");
  if (isUnused) return noNodes("No node of this mesh serves a model yet: try again soon.");
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
