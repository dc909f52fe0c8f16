import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { count, type Described, unixSeconds } from "../answers/wire.ts";
import * as anthropic from "../anthropic/errors.ts";
import { type Authenticate, apiKeyCredentials, requireApiKey, requireKey } from "../auth/require-key.ts";
import { unknownUrl } from "../errors/http-faults.ts";
import { modelNotFound } from "../errors/param-faults.ts";
import { createSendError } from "../errors/send-error.ts";
import type { JsonObject } from "../http/json-body.ts";
import { pathOf } from "../http/request-context.ts";
import { addResource, registerAtMounts } from "../http/resource.ts";
import { checkBody } from "../requests/check-body.ts";
import { integer, object, text } from "../requests/vocabulary.ts";
import type { KnownModels } from "./known-models.ts";
import type { ListModels } from "./model-list.ts";

interface ModelsOptions {
  readonly listModels: ListModels;
  readonly knownModels: KnownModels;
  readonly authenticate: Authenticate;
  readonly log: Log;
}

/**
 * The models that some node can serve now, at both mounts. OpenAI's and Anthropic's clients share the paths: requests
 * with `anthropic-version` are answered in Anthropic's form. Both accept the key in either header.
 */
export function registerModels(app: FastifyInstance, options: ModelsOptions): void {
  registerAtMounts(app, (scope) => registerRoutes(scope, options));
}

function registerRoutes(scope: FastifyInstance, options: ModelsOptions): void {
  const { authenticate, listModels, knownModels } = options;
  const sendAnthropicError = createSendError(options, anthropic.toAnthropicAnswer);
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

  addResource(scope, "/models", {
    GET: async (request) =>
      speaksAnthropic(request)
        ? listPage(listModels, request.query as JsonObject)
        : { object: "list", data: (await listModels()).map(toModelObject) },
  });
  // The name may hold slashes, encoded or not.
  addResource(scope, "/models/*", {
    async GET(request) {
      const name = (request.params as { "*": string })["*"];
      if (name === "") throw unknownUrl(request.method, pathOf(request));
      const isAnthropic = speaksAnthropic(request);
      const models = await listModels();
      const model = models.find((served) => served.name === name);
      const away = model === undefined ? knownModels.whyAway(name, models) : undefined;
      if (away !== undefined) throw away;
      if (model === undefined) throw isAnthropic ? anthropic.modelNotFound(name) : modelNotFound(name);
      return isAnthropic ? toModelInfo(model) : toModelObject(model);
    },
  });
}

/** Whether the client speaks Anthropic's API, whose requests all carry the version. */
const speaksAnthropic = ({ headers }: FastifyRequest): boolean => headers["anthropic-version"] !== undefined;

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

/** Anthropic's list: page by page, with `limit` and either `after_id` or `before_id`. */
async function listPage(listModels: ListModels, query: JsonObject) {
  const { limit = defaultLimit, after_id: afterId, before_id: beforeId } = parsePage(query);
  const models = await listModels();
  const after = afterId === undefined ? 0 : indexOf(models, "after_id", afterId) + 1;
  const before = beforeId === undefined ? models.length : indexOf(models, "before_id", beforeId);
  const rest = models.slice(after, before);
  // With `before_id`, the page ends just before that model.
  const page = beforeId === undefined ? rest.slice(0, limit) : rest.slice(-limit);
  return {
    data: page.map(toModelInfo),
    has_more: page.length < rest.length,
    first_id: page[0]?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
  };
}

const defaultLimit = 20;

const pageSchema = object({
  limit: integer(1, 1000).optional(),
  after_id: text.optional(),
  before_id: text.optional(),
});

function parsePage(query: JsonObject) {
  const { limit } = query;
  // Query values are text; what is not a number stays text, and is rejected.
  const isNumber = typeof limit === "string" && /^\d{1,4}$/.test(limit);
  const raw = isNumber ? { ...query, limit: Number(limit) } : query;
  const page = checkBody(pageSchema, raw, anthropic.anthropic);
  if (page.after_id !== undefined && page.before_id !== undefined)
    throw anthropic.fault("before_id", "Only one of `before_id` and `after_id` may be given");
  return page;
}

function indexOf(models: readonly Model[], param: string, id: string): number {
  const index = models.findIndex(({ name }) => name === id);
  if (index < 0) throw anthropic.fault(param, `No model '${id.slice(0, 100)}' is served`);
  return index;
}

/** Anthropic's model object. Unknown values are null. */
const toModelInfo = ({ name, since, contextLength }: Model) => ({
  type: "model",
  id: name,
  display_name: name,
  created_at: new Date(Number(since) * 1000).toISOString(),
  max_input_tokens: contextLength || null,
  max_tokens: contextLength || null,
  capabilities: null,
  lifecycle: "active",
  line: null,
  deprecated_at: null,
  retires_at: null,
});
