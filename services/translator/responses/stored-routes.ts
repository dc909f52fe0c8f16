import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { HttpError } from "../errors/http-faults.ts";
import { shorten, unsupportedParameter, wrongMeaning } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import type { Resource } from "../http/resource.ts";
import { checkBody } from "../requests/check-body.ts";
import { integer, object, optional, text, word } from "../requests/vocabulary.ts";
import { type Item, inputItem } from "./items.ts";
import { inputHistoryOf, type ResponseStore, type StoredResponse } from "./store/response-store.ts";

export const responseDeleted = z.object({
  id: z.string(),
  object: z.literal("response"),
  deleted: z.literal(true),
});

export const inputItemPage = z.object({
  object: z.literal("list"),
  data: z.array(inputItem),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

/** Stored responses as resources, each for its owner alone. */
export const createStoredRoutes = (store: ResponseStore): Readonly<Record<string, Resource>> => ({
  "/responses/:id": {
    /** The response as it ended. */
    async GET(request, reply) {
      // Events are not stored, so they cannot be replayed.
      if ((request.query as JsonObject).stream === "true") throw unsupportedParameter("stream");
      const stored = await find(store, request);
      reply.header("content-type", "application/json; charset=utf-8");
      return Buffer.from(stored.response);
    },
    /** Responses that continue it keep their conversation. */
    async DELETE(request) {
      const id = idOf(request);
      if (!(await store.delete(request.principal.userId, id))) throw responseNotFound(id);
      return { id, object: "response", deleted: true };
    },
  },
  "/responses/:id/cancel": {
    /** Always fails, since stored responses have ended. */
    async POST(request) {
      await find(store, request);
      throw new MeshError("invalid_request", "Cannot cancel a synchronous response.");
    },
  },
  "/responses/:id/input_items": {
    /** The response's whole input, latest first, page by page. */
    async GET(request) {
      const { order, after, limit } = parsePage(request.query as JsonObject);
      const id = idOf(request);
      const turns = await store.turns(request.principal.userId, id);
      if (turns === undefined) throw responseNotFound(id);
      const items = await inputHistoryOf(turns);
      if (order !== "asc") items.reverse();
      const begin = after === undefined || after === null ? 0 : indexAfter(items, after);
      const end = begin + (limit ?? defaultLimit);
      const data = items.slice(begin, end);
      return {
        object: "list",
        data,
        first_id: data[0]?.id ?? null,
        last_id: data.at(-1)?.id ?? null,
        has_more: end < items.length,
      };
    },
  },
});

const responseNotFound = (id: string) =>
  new HttpError("unknown_response", `Response with id '${shorten(id)}' not found.`);

const idOf = ({ params }: FastifyRequest): string => (params as { id: string }).id;

async function find(store: ResponseStore, request: FastifyRequest): Promise<StoredResponse> {
  const id = idOf(request);
  const stored = await store.get(request.principal.userId, id);
  if (stored === undefined) throw responseNotFound(id);
  return stored;
}

const pageSchema = object({
  order: optional(word("asc", "desc")),
  after: optional(text),
  limit: optional(integer(1, 100)),
});

const defaultLimit = 20;

function parsePage(query: JsonObject) {
  const { limit } = query;
  // Query values are text; what is not a number stays text, and is rejected.
  const isNumber = typeof limit === "string" && /^-?\d+$/.test(limit);
  return checkBody(pageSchema, isNumber ? { ...query, limit: Number(limit) } : query);
}

function indexAfter(items: readonly Item[], id: string): number {
  const index = items.findIndex((item) => item.id === id);
  if (index < 0)
    throw wrongMeaning("after", `Item with id '${id.slice(0, 100)}' not found in this response.`);
  return index + 1;
}
