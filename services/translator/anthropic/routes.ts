import type { FastifyInstance } from "fastify";
import type { Authenticate } from "../auth/keys.ts";
import { fromFastify } from "../errors/from-fastify.ts";
import { HttpError } from "../errors/http-error.ts";
import { wrongMethod } from "../errors/http-faults.ts";
import { reportBug } from "../errors/report-bug.ts";
import { parseJsonBody } from "../http/json-body.ts";
import { refuseEncoding } from "../http/refuse-encoding.ts";
import { pathOf } from "../http/request-context.ts";
import { requireApiKey } from "./auth.ts";
import { toAnthropicError } from "./errors.ts";
import { createMessagesRoute, type MessagesOptions } from "./route.ts";

/** What Anthropic's routes work with. */
export interface AnthropicOptions extends MessagesOptions {
  readonly authenticate: Authenticate;
  readonly bodyLimitBytes: number;
}

/** Anthropic's routes, behind a key, at both mounts. Whatever fails on them does so in Anthropic's envelope. */
export function registerAnthropic(app: FastifyInstance, options: AnthropicOptions): void {
  for (const prefix of ["/v1", "/api/v1"])
    app.register(
      (scope, _options, done) => {
        registerRoutes(scope, options);
        done();
      },
      { prefix },
    );
}

function registerRoutes(scope: FastifyInstance, options: AnthropicOptions): void {
  scope.setErrorHandler((thrown, request, reply) => {
    const error = fromFastify(thrown, request, options.bodyLimitBytes);
    reportBug(options.log, error, request.id);
    const { status, headers, body } = toAnthropicError(error, request.id);
    // As in `app.ts`: the client is to read the answer, not to see its connection break.
    if (reply.hasHeader("connection")) reply.removeHeader("connection");
    void reply
      .code(status)
      .headers({ ...headers, "content-type": "application/json; charset=utf-8" })
      .send(body);
  });
  scope.addHook("onRequest", (request, reply, next) => {
    reply.header("request-id", request.id);
    next();
  });
  scope.addHook("onRequest", requireApiKey(options.authenticate));
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) =>
    done(null, parseJsonBody(body as Buffer)),
  );

  scope.route({
    method: "POST",
    url: "/messages",
    onRequest: refuseEncoding,
    handler: createMessagesRoute(options),
  });
  scope.route({ method: "POST", url: "/messages/count_tokens", handler: refuseCount });
  for (const url of ["/messages", "/messages/count_tokens"])
    scope.route({
      method: ["GET", "PUT", "PATCH", "DELETE"],
      url,
      exposeHeadRoute: false,
      onRequest: (request) => {
        throw wrongMethod(request.method, pathOf(request), "POST");
      },
      handler: async () => undefined,
    });
}

/** Tokens are counted by the engine that has the model, and only in an answer; an estimate would be no count. */
async function refuseCount(): Promise<never> {
  throw new HttpError(
    "unknown_url",
    "Tokens cannot be counted ahead here. The usage of each answer says what its prompt took.",
  );
}
