import { MeshError } from "../../../core/errors/mesh-error.ts";
import { capabilities, describeLack, type Lack } from "../../../core/generation/capabilities.ts";
import type { ErrorCode } from "./envelope.ts";

/**
 * The parameter that requires a capability, and whether only some of its values do. By the names of chat completions;
 * other surfaces rename them.
 */
const origins: Readonly<Record<Lack, { readonly param: string; readonly noun: "parameter" | "value" }>> = {
  tools: { noun: "parameter", param: "tools" },
  forced_tool_choice: { noun: "value", param: "tool_choice" },
  json_object: { noun: "value", param: "response_format" },
  json_schema: { noun: "value", param: "response_format" },
  logprobs: { noun: "parameter", param: "logprobs" },
  vision: { noun: "value", param: "messages" },
  logit_bias: { noun: "parameter", param: "logit_bias" },
  raw_prompt: { noun: "parameter", param: "prompt" },
  embeddings: { noun: "value", param: "model" },
  resume: { noun: "parameter", param: "continue_final_message" },
};

/**
 * Reports capabilities that no node offers by the parameter that requires them, in OpenAI's words. Returns other
 * errors unchanged.
 */
export function withParam(error: MeshError, model: string): MeshError {
  const lack = error.capabilities.filter(isLack);
  const [first] = lack;
  if (error.kind !== "invalid_request" || first === undefined) return error;
  const { param, noun } = origins[first];
  const code: ErrorCode = `unsupported_${noun}`;
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
