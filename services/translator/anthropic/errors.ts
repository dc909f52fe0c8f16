import { internalMessage, MeshError } from "../../../core/errors/mesh-error.ts";
import { type ErrorAnswer, toErrorAnswer } from "../errors/envelope.ts";
import { list, quote } from "../errors/param-faults.ts";
import { type Dialect, maxShownKeyLength } from "../requests/check-body.ts";

/** An error of a parameter in Anthropic's form: a dotted path, a colon, a sentence. */
export const fault = (path: string, message: string): MeshError =>
  new MeshError("invalid_request", `${path}: ${message}`, { param: path });

/** Issues of a schema in Anthropic's words. */
export const anthropic: Dialect = {
  // Such as `messages.0.content`.
  toPath: (path) => path.map((key) => String(key).slice(0, maxShownKeyLength)).join("."),
  missing: (at) => fault(at, "Field required"),
  unknownKey: (at) => fault(at, "Extra inputs are not permitted"),
  wrongType: (at, expected) => fault(at, `Input should be ${expected.replace(/^an? /, "a valid ")}`),
  notOneOf(at, value, words, isTag) {
    const expected = list(words.map(quote), "or");
    return isTag && typeof value === "string"
      ? fault(at, `Input tag '${value.slice(0, 100)}' is not supported here. Expected ${expected}`)
      : fault(at, `Input should be ${expected}`);
  },
  tooSmall(at, { origin, minimum }) {
    if (origin === "array") return fault(at, `List should have at least ${count(minimum, "item")}`);
    if (origin === "string") return fault(at, `String should have at least ${count(minimum, "character")}`);
    return fault(at, `Input should be greater than or equal to ${minimum}`);
  },
  tooBig(at, { origin, maximum }) {
    if (origin === "array") return fault(at, `List should have at most ${count(maximum, "item")}`);
    if (origin === "string") return fault(at, `String should have at most ${count(maximum, "character")}`);
    return fault(at, `Input should be less than or equal to ${maximum}`);
  },
};

const count = (number: number | bigint, noun: string): string =>
  `${number} ${noun}${Number(number) === 1 ? "" : "s"}`;

/** No node serves the model; Anthropic's message is no more than the name. */
export const modelNotFound = (model: string): MeshError =>
  new MeshError("model_not_found", `model: ${model.slice(0, 100)}`);

/** The code of a request for a stored conversation; the only code that clients act on. */
export const threadUnsupported = "thread_unsupported_request";

/** The response to an error in Anthropic's envelope. */
export function toAnthropicAnswer(error: MeshError, requestId: string): ErrorAnswer {
  const { status, headers } = toErrorAnswer(error);
  return {
    // Anthropic's own for an overloaded service.
    status: status === 503 ? 529 : status,
    headers: { ...headers, "request-id": requestId },
    body: toErrorEnvelope(error, requestId),
  };
}

/** Anthropic's envelope; also sent in streams that fail after status 200. */
export const toErrorEnvelope = (error: MeshError, requestId: string): string =>
  JSON.stringify({
    type: "error",
    error: {
      type: toType(error.row.http),
      message: toMessage(error),
      ...(error.code === threadUnsupported
        ? { details: { error_code: threadUnsupported, unsupported: ["thread"] } }
        : {}),
    },
    request_id: requestId,
  });

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

const toType = (http: number): string => types[http] ?? (http < 499 ? "invalid_request_error" : "api_error");

/** Routers and nodes word errors in OpenAI's terms. */
function toMessage({ kind, code, message }: MeshError): string {
  if (kind === "internal") return internalMessage;
  const words = message.replaceAll("response_format", "output_config.format");
  // Agents match these words and shorten the conversation.
  return code === "context_length_exceeded" ? `prompt is too long: ${words}` : words;
}
