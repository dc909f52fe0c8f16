import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseCallerObject } from "../../text/caller-json.ts";

/**
 * What a generation says to the template beside its turns: about thinking, in the words of the common templates,
 * and in its own words, which come last. Throws `invalid_request` for words that are no JSON object.
 */
export function templateVariables({
  reasoning,
  chatTemplateKwargsJson,
}: Generation): Record<string, unknown> {
  const { effort = "", enabled } = reasoning ?? {};
  const thinks = enabled ?? (effort === "" ? undefined : effort !== "none");
  return {
    ...(thinks === undefined ? {} : { enable_thinking: thinks, thinking: thinks }),
    ...(effort === "" ? {} : { reasoning_effort: effort }),
    ...(chatTemplateKwargsJson === "" ? {} : parseVariables(chatTemplateKwargsJson)),
  };
}

function parseVariables(json: string): Record<string, unknown> {
  const variables = parseCallerObject(json);
  if (variables !== undefined) return variables;
  throw new MeshError("invalid_request", "Invalid value for 'chat_template_kwargs': expected an object.", {
    param: "chat_template_kwargs",
  });
}
