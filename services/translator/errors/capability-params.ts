import { MeshError } from "../../../core/errors/mesh-error.ts";
import { capabilities, describeLack, type Lack } from "../../../core/generation/capabilities.ts";
import type { ErrorCode } from "./codes.ts";

/** The parameter that requires a capability, and whether all of its values do or only some. */
interface Origin {
  readonly param: string;
  readonly code: ErrorCode & ("unsupported_parameter" | "unsupported_value");
}

const parameter = (param: string): Origin => ({ param, code: "unsupported_parameter" });
const value = (param: string): Origin => ({ param, code: "unsupported_value" });

/** By the names of chat completions; other surfaces rename them. */
const origins: Readonly<Record<Lack, Origin>> = {
  tools: parameter("tools"),
  forced_tool_choice: value("tool_choice"),
  json_object: value("response_format"),
  json_schema: value("response_format"),
  logprobs: parameter("logprobs"),
  vision: value("messages"),
  logit_bias: parameter("logit_bias"),
  raw_prompt: parameter("prompt"),
  embeddings: value("model"),
  resume: parameter("continue_final_message"),
};

/**
 * Reports capabilities that no node offers by the parameter that requires them, in OpenAI's words. Returns other
 * errors unchanged.
 */
export function withParam(error: MeshError, model: string): MeshError {
  const lack = error.capabilities.filter(isLack);
  const [first] = lack;
  if (error.kind !== "invalid_request" || first === undefined) return error;
  const { param, code } = origins[first];
  const noun = code === "unsupported_value" ? "value" : "parameter";
  const node = lack.length > 1 ? "no single node" : "no node";
  return new MeshError(
    "invalid_request",
    `Unsupported ${noun}: '${param}' is not supported with this model: ${node} that serves \`${model}\` can ` +
      `${describeLack(lack)}. Leave it out or choose another model.`,
    { param, code, cause: error },
  );
}

/** A newer router may know more capabilities. */
const isLack = (name: string): name is Lack => name === "resume" || Object.hasOwn(capabilities, name);
