import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { unsupportedParameter, wrongMeaning } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { checkBody } from "../requests/check-body.ts";
import { integer, object, optional, text, word } from "../requests/vocabulary.ts";
import { responseNotFound } from "./faults.ts";
import { type Item, inputItem } from "./items.ts";
import { inputHistoryOf, type ResponseStore, type StoredResponse } from "./store/response-store.ts";

// Routes of stored responses, for their owner alone.

/** `GET /responses/{id}`: the response as it ended. */
export const createGetRoute =
  (store: ResponseStore) => async (request: FastifyRequest, reply: FastifyReply) => {
    const query = request.query as JsonObject;
    // Events are not stored, so they cannot be replayed.
    if (query.stream === "true") throw unsupportedParameter("stream");
    const stored = await find(store, request);
    reply.header("content-type", "application/json; charset=utf-8");
    return Buffer.from(stored.response);
  };

/** The answer to a deletion. */
export const responseDeleted = z.object({
  id: z.string(),
  object: z.literal("response"),
  deleted: z.literal(true),
});

/** `DELETE /responses/{id}`: responses that continue it keep their conversation. */
export const createDeleteRoute = (store: ResponseStore) => async (request: FastifyRequest) => {
  const id = idOf(request);
  if (!(await store.delete(request.principal.userId, id))) throw responseNotFound(id);
  return { id, object: "response", deleted: true };
};

/** `POST /responses/{id}/cancel`: always fails, since stored responses have ended. */
export const createCancelRoute = (store: ResponseStore) => async (request: FastifyRequest) => {
  await find(store, request);
  throw new MeshError("invalid_request", "Cannot cancel a synchronous response.");
};

/** A page of a response's input items. */
export const inputItemPage = z.object({
  object: z.literal("list"),
  data: z.array(inputItem),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

/** `GET /responses/{id}/input_items`: the response's whole input, latest first, page by page. */
export const createInputItemsRoute = (store: ResponseStore) => async (request: FastifyRequest) => {
  const { order, after, limit } = parsePage(request.query as JsonObject);
  const id = idOf(request);
  const turns = await store.turns(request.principal.userId, id);
  if (turns === undefined) throw responseNotFound(id);
  const items = inputHistoryOf(turns);
  if (order !== "asc") items.reverse();
  const begin = after === undefined ? 0 : indexAfter(items, after);
  const data = items.slice(begin, begin + limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: begin + limit < items.length,
  };
};

async function find(store: ResponseStore, request: FastifyRequest): Promise<StoredResponse> {
  const id = idOf(request);
  const stored = await store.get(request.principal.userId, id);
  if (stored === undefined) throw responseNotFound(id);
  return stored;
}

const idOf = ({ params }: FastifyRequest): string => (params as { id: string }).id;

const pageSchema = object({
  order: optional(word("asc", "desc")),
  after: optional(text),
  limit: optional(integer(1, 100)),
});

const defaultLimit = 20;

function parsePage(query: JsonObject): { order: "asc" | "desc"; after: string | undefined; limit: number } {
  const { limit } = query;
  // Query values are text; what is not a number stays text, and is rejected.
  const raw = typeof limit === "string" && /^-?\d+$/.test(limit) ? { ...query, limit: Number(limit) } : query;
  const { order, after, limit: size } = checkBody(pageSchema, raw);
  return { order: order ?? "desc", after: after ?? undefined, limit: size ?? defaultLimit };
}

function indexAfter(items: readonly Item[], id: string): number {
  const index = items.findIndex((item) => item.id === id);
  if (index < 0)
    throw wrongMeaning("after", `Item with id '${id.slice(0, 100)}' not found in this response.`);
  return index + 1;
}
