import type { FastifyRequest } from "fastify";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { anthropic, fault, modelNotFound } from "../anthropic/errors.ts";
import { unknownUrl } from "../errors/http-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { pathOf } from "../http/request-context.ts";
import { checkBody } from "../requests/check-body.ts";
import { integer, object, text } from "../requests/vocabulary.ts";
import type { ListModels } from "./model-list.ts";

/** Whether the client speaks Anthropic's API, whose requests all carry the version. */
export const speaksAnthropic = ({ headers }: FastifyRequest): boolean =>
  headers["anthropic-version"] !== undefined;

/** `GET /models` as Anthropic answers it: page by page, with `limit` and either `after_id` or `before_id`. */
export const createModelPage = (listModels: ListModels) => async (request: FastifyRequest) => {
  const { limit, after_id: afterId, before_id: beforeId } = parsePage(request.query as JsonObject);
  const size = limit ?? defaultLimit;
  const models = await listModels();
  const after = afterId === undefined ? 0 : indexOf(models, "after_id", afterId) + 1;
  const before = beforeId === undefined ? models.length : indexOf(models, "before_id", beforeId);
  const rest = models.slice(after, before);
  // With `before_id`, the page ends just before that model.
  const page = beforeId === undefined ? rest.slice(0, size) : rest.slice(-size);
  return {
    data: page.map(toModelInfo),
    has_more: page.length < rest.length,
    first_id: page[0]?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
  };
};

/** `GET /models/*` as Anthropic answers it. */
export const createModelInfo = (listModels: ListModels) => async (request: FastifyRequest) => {
  return toModelInfo(await findModel(request, listModels, modelNotFound));
};

/** The model that the path names; throws `notFound` unless it is served. */
export async function findModel(
  request: FastifyRequest,
  listModels: ListModels,
  notFound: (name: string) => MeshError,
): Promise<Model> {
  const name = (request.params as { "*": string })["*"];
  if (name === "") throw unknownUrl(request.method, pathOf(request));
  const model = (await listModels()).find((served) => served.name === name);
  if (model === undefined) throw notFound(name);
  return model;
}

const defaultLimit = 20;

// Absent or text: a query has no null.
const pageSchema = object({
  limit: integer(1, 1000).optional(),
  after_id: text.optional(),
  before_id: text.optional(),
});

function parsePage(query: JsonObject) {
  const { limit } = query;
  // Query values are text; what is not a number stays text, and is rejected.
  const isNumber = typeof limit === "string" && /^\d{1,4}$/.test(limit);
  const page = checkBody(pageSchema, isNumber ? { ...query, limit: Number(limit) } : query, anthropic);
  if (page.after_id !== undefined && page.before_id !== undefined)
    throw fault("before_id", "Only one of `before_id` and `after_id` may be given");
  return page;
}

function indexOf(models: readonly Model[], param: string, id: string): number {
  const index = models.findIndex(({ name }) => name === id);
  if (index < 0) throw fault(param, `No model '${id.slice(0, 100)}' is served`);
  return index;
}

/** Unknown values are null, as Anthropic allows. */
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
