import type { FastifyReply, FastifyRequest } from "fastify";
import { internalMessage, MeshError } from "../../../core/errors/mesh-error.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { toErrorAnswer } from "../errors/envelope.ts";
import { fromFastify } from "../errors/from-fastify.ts";
import { reportBug } from "../errors/report-bug.ts";

/** No node serves a model of this name; Anthropic's own words are no more than the name. */
export const modelNotFound = (model: string): MeshError =>
  new MeshError("model_not_found", `model: ${model.slice(0, 100)}`);

/** The code of a request that wants its conversation kept; the only one that clients act on. */
export const threadUnsupported = "thread_unsupported_request";

/** Answers a request that has failed in Anthropic's envelope. */
export const createSendError =
  ({ bodyLimitBytes, log }: { readonly bodyLimitBytes: number; readonly log: Log }) =>
  (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = fromFastify(thrown, request, bodyLimitBytes);
    reportBug(log, error, request.id);
    const { status, headers } = toErrorAnswer(error);
    // As in `app.ts`: the client is to read the answer, not to see its connection break.
    if (reply.hasHeader("connection")) reply.removeHeader("connection");
    void reply
      .code(statuses[status] ?? status)
      .headers({ ...headers, "request-id": request.id, "content-type": "application/json; charset=utf-8" })
      .send(toErrorEnvelope(error, request.id));
  };

/** The envelope; also what a stream says when it fails after its 200. */
export const toErrorEnvelope = (error: MeshError, requestId: string): string =>
  JSON.stringify({
    type: "error",
    error: {
      type: toType(error.row.http),
      message: toWords(error),
      ...(error.code === threadUnsupported
        ? { details: { error_code: threadUnsupported, unsupported: ["thread"] } }
        : {}),
    },
    request_id: requestId,
  });

/** Too much to do has a status of its own. */
const statuses: Readonly<Record<number, number>> = { 503: 529 };

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

/** What routers and nodes say is in OpenAI's terms. */
function toWords({ kind, code, message }: MeshError): string {
  if (kind === "internal") return internalMessage;
  const words = message.replaceAll("response_format", "output_config.format");
  // Agents look for these words to know that they must shorten the conversation.
  return code === "context_length_exceeded" ? `prompt is too long: ${words}` : words;
}
