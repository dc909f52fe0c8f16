import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { count, type Described, unixSeconds } from "../answers/schema.ts";
import { unknownUrl } from "../errors/http-faults.ts";
import { modelNotFound } from "../errors/param-faults.ts";
import { pathOf } from "../http/request-context.ts";
import type { ListModels } from "./model-list.ts";

/** `GET /models`: every model that some node can serve now. */
export const createModelsRoute = (listModels: ListModels) => async () => ({
  object: "list",
  data: (await listModels()).map(toModelObject),
});

/** `GET /models/*`: one of them. Its name may hold slashes, sent as they are or percent-encoded. */
export const createModelRoute =
  (listModels: ListModels) =>
  async (request: FastifyRequest): Promise<object> => {
    const name = (request.params as { "*": string })["*"];
    if (name === "") throw unknownUrl(request.method, pathOf(request));
    const model = (await listModels()).find((known) => known.name === name);
    if (model === undefined) throw modelNotFound(name);
    return toModelObject(model);
  };

/** OpenAI's model object, and the context as OpenRouter adds it. */
export const modelObject = z.object({
  id: z.string().describe("The ID that requests refer to the model by."),
  object: z.literal("model"),
  created: unixSeconds,
  owned_by: z.string(),
  context_length: count.optional().describe("The longest context that a node offers, in tokens."),
});

/** All that are served. */
export const modelList = z.object({ object: z.literal("list"), data: z.array(modelObject) });

const toModelObject = ({ name, since, contextLength }: Model): Described<typeof modelObject> => ({
  id: name,
  object: "model",
  created: Number(since),
  owned_by: "cxmpute-mesh",
  context_length: contextLength || undefined,
});
