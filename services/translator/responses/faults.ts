import { MeshError } from "../../../core/errors/mesh-error.ts";
import { HttpError } from "../errors/http-faults.ts";
import { wrongMeaning } from "../errors/param-faults.ts";

// Errors of the Responses API, in OpenAI's words.

/** The caller has no stored response with this id. */
export const responseNotFound = (id: string) =>
  new HttpError("unknown_response", `Response with id '${shorten(id)}' not found.`);

/** The response to continue is not stored: a wrong parameter, so no 404. */
export const previousNotFound = (id: string) =>
  new MeshError("invalid_request", `Previous response with id '${shorten(id)}' not found.`, {
    param: "previous_response_id",
    code: "previous_response_not_found",
  });

export const itemNotFound = (id: string) =>
  new HttpError(
    "unknown_response",
    `Item with id '${shorten(id)}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
    { param: "input" },
  );

export const orphanOutput = (callId: string) =>
  wrongMeaning("input", `No tool call found for function call output with call_id ${shorten(callId)}.`);

export const missingOutput = (callId: string) =>
  wrongMeaning("input", `No tool output found for function call ${shorten(callId)}.`);

/** A parameter of chat completions that has another name here. */
export const movedParameter = (param: string, to: string) =>
  new MeshError(
    "invalid_request",
    `Unsupported parameter: '${param}'. In the Responses API, this parameter has moved to '${to}'. Try again with the new parameter.`,
    { code: "unsupported_parameter", param },
  );

/** Renames the parameter of an error to its name here; returns other errors unchanged. */
export function withOwnParam(error: MeshError): MeshError {
  const param = error.param === undefined ? undefined : ownParams[error.param];
  if (param === undefined || error instanceof HttpError) return error;
  const { kind, message, code, retryAfterMs, cause } = error;
  return new MeshError(kind, message, {
    param,
    cause,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The mesh names parameters as chat completions do. */
const ownParams: Readonly<Record<string, string>> = {
  messages: "input",
  response_format: "text.format",
  max_tokens: "max_output_tokens",
  max_completion_tokens: "max_output_tokens",
  reasoning_effort: "reasoning.effort",
};

const shorten = (id: string): string => (id.length > 100 ? `${id.slice(0, 100)}…` : id);
