import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { loopCode } from "../../../core/hops.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { newId, pathOf } from "../http/request-context.ts";
import { type ErrorAnswer, toErrorAnswer } from "./envelope.ts";
import { badRequest, HttpError, loopDetected, unknownUrl, wrongContentType } from "./http-faults.ts";

const contentType = "application/json; charset=utf-8";

/** Sends anything thrown before the answer has started, by default in OpenAI's envelope. */
export const createSendError =
  (
    { log }: { readonly log: Log },
    toAnswer: (error: MeshError, requestId: string) => ErrorAnswer = toErrorAnswer,
  ) =>
  (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = fromFastify(thrown, request);
    reportBug(log, error, request.id);
    // Fastify would close the connection while the rejected body arrives, and the client would see a reset instead
    // of the answer. Node reads such a body to its end, or to the request timeout, and drops it.
    if (reply.hasHeader("connection")) reply.removeHeader("connection");
    const { status, headers, body } = toAnswer(error, request.id);
    void reply
      .code(status)
      // The id is not set yet where Fastify fails before its hooks run.
      .headers({ ...headers, "x-request-id": request.id, "content-type": contentType })
      .send(body);
  };

/** Converts anything thrown, Fastify's own errors included, to the error to send. */
function fromFastify(thrown: unknown, request: FastifyRequest): MeshError {
  switch ((thrown as FastifyError | undefined)?.code) {
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
    case "FST_ERR_ROUTE_MISSING_CONTENT_TYPE":
      return wrongContentType(request.headers["content-type"]);
    case "FST_ERR_BAD_URL":
      return new MeshError("invalid_request", "The URL holds a percent-encoding that is not valid.");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new HttpError("url_too_long", "The URL is too long.");
    case "FST_ERR_NOT_FOUND":
      return unknownUrl(request.method, pathOf(request));
    default: {
      const error = toMeshError(thrown);
      // Reported by another mesh behind a node.
      return error.code === loopCode ? loopDetected() : error;
    }
  }
}

/** Logs an error whose details are hidden from the caller: one that was not thrown on purpose. */
export function reportBug(log: Log, thrown: unknown, requestId: string): void {
  const error = toMeshError(thrown);
  if (error.kind === "internal")
    log.error({ err: error.cause ?? error, request_id: requestId }, "request failed");
}

/**
 * Answers data that is not a complete request (not HTTP, too large, too slow) with the usual envelope, and closes the
 * connection.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code !== "ECONNRESET" && socket.writable && !isAnswering(socket)) {
    const { status, headers, body } = toErrorAnswer(fromNode(error));
    const lines = Object.entries({
      ...headers,
      "content-type": contentType,
      "content-length": Buffer.byteLength(body),
      "x-request-id": newId("req_"),
      connection: "close",
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
  }
  socket.destroySoon();
}

function fromNode({ code }: NodeJS.ErrnoException): MeshError {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new HttpError("request_timeout", "The request did not arrive in full in time. Send it again.");
  if (code === "HPE_HEADER_OVERFLOW")
    return new HttpError("headers_too_large", "The request's headers are too large.");
  return badRequest();
}

/** Whether a response has started; Node's own handler looks in the same field. */
function isAnswering(socket: Socket): boolean {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage?.headersSent === true;
}
