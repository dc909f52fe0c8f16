import { MeshError } from "../../../core/errors/mesh-error.ts";
import { ringCode, ringMessage } from "../../../core/hops.ts";
import type { Candidate } from "./candidate.ts";
import { cameThrough, canResume, listVerbs, type RouteRequest } from "./filters.ts";
import { listNeeds } from "./needs.ts";

/** When to ask again for a model that nobody serves just now. */
const noNodesRetryMs = 5000;

/** What a router knows beyond the nodes of now. */
export interface Knowledge {
  /** Whether the registry has been heard at all. */
  readonly informed: boolean;
  /** Whether some node has ever served the model. */
  readonly known: boolean;
}

/** Why no node can have a generation, as an error for its caller. */
export function refuse(
  { generation, needs }: RouteRequest,
  candidates: readonly Candidate[],
  { informed, known }: Knowledge,
): MeshError {
  const { model } = generation;
  const serving = candidates.filter(({ served }) => served !== undefined);
  if (!informed)
    return nobody("The router has not heard from the registry yet, so it knows no nodes: try again soon.");
  if (serving.length === 0 && !known)
    return new MeshError(
      "model_not_found",
      `The model \`${model}\` does not exist or you do not have access to it.`,
      { param: "model" },
    );
  if (serving.length > 0 && serving.every(({ served }) => cameThrough(served!, generation)))
    return new MeshError("engine_failed", ringMessage, { code: ringCode });
  if (serving.length > 0 && !serving.some(({ offers }) => (needs & ~offers) === 0))
    return unsupported(model, needs, serving);
  if (serving.length > 0 && !serving.some(({ served }) => canResume(served!, generation)))
    return new MeshError(
      "invalid_request",
      "Unsupported parameter: 'continue_final_message' is not supported with this model: of those that serve " +
        `\`${model}\`, no node can go on with such an answer. Leave it out or choose another model.`,
      { param: "continue_final_message", code: "unsupported_parameter" },
    );
  return nobody(`No node serves the model \`${model}\` right now: try again soon.`);
}

function nobody(message: string): MeshError {
  return new MeshError("no_nodes", message, { retryAfterMs: noNodesRetryMs });
}

/** Names what no node can do; when each thing alone can be had, what no node can do together. */
function unsupported(model: string, needs: number, serving: readonly Candidate[]): MeshError {
  const offered = serving.reduce((all, { offers }) => all | offers, 0);
  const missing = needs & ~offered;
  const [first] = listNeeds(missing === 0 ? needs : missing);
  const what = missing === 0 ? `no single node can ${listVerbs(needs)}` : `no node can ${listVerbs(missing)}`;
  const noun = first?.code === "unsupported_value" ? "value" : "parameter";
  return new MeshError(
    "invalid_request",
    `Unsupported ${noun}: '${first?.param}' is not supported with this model: of those that serve ` +
      `\`${model}\`, ${what}. Leave it out or choose another model.`,
    first === undefined ? {} : { param: first.param, code: first.code },
  );
}
