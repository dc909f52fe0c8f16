import type { FastifyReply, FastifyRequest } from "fastify";
import type { Log } from "../../../core/telemetry/log.ts";
import { fromFastify } from "../errors/from-fastify.ts";
import { reportBug } from "../errors/report-bug.ts";
import { toAnthropicError } from "./errors.ts";

/** Answers a request that has failed in Anthropic's envelope. */
export const createSendError =
  ({ bodyLimitBytes, log }: { readonly bodyLimitBytes: number; readonly log: Log }) =>
  (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = fromFastify(thrown, request, bodyLimitBytes);
    reportBug(log, error, request.id);
    const { status, headers, body } = toAnthropicError(error, request.id);
    // As in `app.ts`: the client is to read the answer, not to see its connection break.
    if (reply.hasHeader("connection")) reply.removeHeader("connection");
    void reply
      .code(status)
      .headers({ ...headers, "request-id": request.id, "content-type": "application/json; charset=utf-8" })
      .send(body);
  };
