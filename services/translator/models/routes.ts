import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { count, type Described, unixSeconds } from "../answers/wire.ts";
import { toAnthropicAnswer } from "../anthropic/errors.ts";
import { type Authenticate, apiKeyCredentials, requireApiKey, requireKey } from "../auth/require-key.ts";
import { modelNotFound } from "../errors/param-faults.ts";
import { createSendError } from "../errors/send-error.ts";
import { addResource, registerAtMounts } from "../http/resource.ts";
import { createModelInfo, createModelPage, findModel, speaksAnthropic } from "./anthropic.ts";
import type { ListModels } from "./model-list.ts";

export interface ModelsOptions {
  readonly listModels: ListModels;
  readonly authenticate: Authenticate;
  readonly bodyLimitBytes: number;
  readonly log: Log;
}

/**
 * The list of models, at both mounts. OpenAI's and Anthropic's clients share its path: requests with
 * `anthropic-version` are answered in Anthropic's form. Both accept the key in either header.
 */
export function registerModels(app: FastifyInstance, options: ModelsOptions): void {
  registerAtMounts(app, (scope) => registerRoutes(scope, options));
}

function registerRoutes(scope: FastifyInstance, options: ModelsOptions): void {
  const { authenticate, listModels } = options;
  const sendAnthropicError = createSendError(options, toAnthropicAnswer);
  scope.setErrorHandler((thrown, request, reply) => {
    // Rethrown to the app's own handler.
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

/** `GET /models`: every model that some node can serve now. */
export const createModelsRoute = (listModels: ListModels) => async () => ({
  object: "list",
  data: (await listModels()).map(toModelObject),
});

/** `GET /models/*`: one model. Its name may hold slashes, encoded or not. */
export const createModelRoute =
  (listModels: ListModels) =>
  async (request: FastifyRequest): Promise<object> => {
    return toModelObject(await findModel(request, listModels, modelNotFound));
  };

/** OpenAI's model object, with OpenRouter's context length. */
export const modelObject = z.object({
  id: z.string().describe("The ID that requests refer to the model by."),
  object: z.literal("model"),
  created: unixSeconds,
  owned_by: z.string(),
  context_length: count.optional().describe("The longest context that a node offers, in tokens."),
});

export const modelList = z.object({ object: z.literal("list"), data: z.array(modelObject) });

const toModelObject = ({ name, since, contextLength }: Model): Described<typeof modelObject> => ({
  id: name,
  object: "model",
  created: Number(since),
  owned_by: "cxmpute-mesh",
  context_length: contextLength || undefined,
});
