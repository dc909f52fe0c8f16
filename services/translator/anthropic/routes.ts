import type { FastifyInstance } from "fastify";
import type { GenerationOptions } from "../answers/options.ts";
import type { Authenticate } from "../auth/keys.ts";
import { HttpError } from "../errors/http-error.ts";
import { unknownUrl, wrongMethod } from "../errors/http-faults.ts";
import { parseJsonBody } from "../http/json-body.ts";
import { registerAtMounts } from "../http/mounts.ts";
import { refuseEncoding } from "../http/refuse-encoding.ts";
import { pathOf } from "../http/request-context.ts";
import { requireApiKey } from "./auth.ts";
import { createMessagesRoute } from "./route.ts";
import { createSendError } from "./send-error.ts";

/** What Anthropic's routes work with. */
export interface AnthropicOptions extends GenerationOptions {
  readonly authenticate: Authenticate;
  readonly bodyLimitBytes: number;
}

/** Anthropic's routes, behind a key, at both mounts. Whatever fails on them does so in Anthropic's envelope. */
export function registerAnthropic(app: FastifyInstance, options: AnthropicOptions): void {
  registerAtMounts(app, (scope) => registerRoutes(scope, options));
}

function registerRoutes(scope: FastifyInstance, options: AnthropicOptions): void {
  scope.setErrorHandler(createSendError(options));
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
  // What else Anthropic has below: its clients are to read that it is not here.
  scope.route({
    method: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    url: "/messages/*",
    onRequest: (request) => {
      throw unknownUrl(request.method, pathOf(request));
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
