import type { FastifyInstance } from "fastify";
import type { Log } from "../../../core/telemetry/log.ts";
import { createSendError } from "../anthropic/errors.ts";
import type { Authenticate } from "../auth/principal.ts";
import { apiKeyCredentials, requireApiKey, requireKey } from "../auth/require-key.ts";
import { addResource, registerAtMounts } from "../http/resource.ts";
import { createModelInfo, createModelPage, speaksAnthropic } from "./anthropic.ts";
import type { ListModels } from "./model-list.ts";
import { createModelRoute, createModelsRoute } from "./routes.ts";

/** What the routes work with. */
export interface ModelsOptions {
  readonly listModels: ListModels;
  readonly authenticate: Authenticate;
  readonly bodyLimitBytes: number;
  readonly log: Log;
}

/**
 * The list of models, at both mounts. OpenAI's clients and Anthropic's ask for it at the same address, so each is
 * answered in its own way: requests with `anthropic-version` in Anthropic's. Both take the key in either header.
 */
export function registerModels(app: FastifyInstance, options: ModelsOptions): void {
  registerAtMounts(app, (scope) => registerRoutes(scope, options));
}

function registerRoutes(scope: FastifyInstance, options: ModelsOptions): void {
  const { authenticate, listModels } = options;
  const sendAnthropicError = createSendError(options);
  scope.setErrorHandler((thrown, request, reply) => {
    // Thrown on, it goes to the handler of all.
    if (!speaksAnthropic(request)) throw thrown;
    sendAnthropicError(thrown, request, reply);
  });
  const anthropicKey = requireApiKey(authenticate);
  const openAiKey = requireKey(authenticate, apiKeyCredentials);
  scope.addHook("onRequest", (request, reply) => {
    if (!speaksAnthropic(request)) return openAiKey(request, reply);
    reply.header("request-id", request.id);
    return anthropicKey(request, reply);
  });

  const listOpenAi = createModelsRoute(listModels);
  const getOpenAi = createModelRoute(listModels);
  const listAnthropic = createModelPage(listModels);
  const getAnthropic = createModelInfo(listModels);
  addResource(scope, "/models", {
    GET: (request) => (speaksAnthropic(request) ? listAnthropic(request) : listOpenAi()),
  });
  addResource(scope, "/models/*", {
    GET: (request) => (speaksAnthropic(request) ? getAnthropic(request) : getOpenAi(request)),
  });
}
