import type { FastifyRequest } from "fastify";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
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
const toModelObject = ({ name, since, contextLength }: Model): object => ({
  id: name,
  object: "model",
  created: Number(since),
  owned_by: "cxmpute-mesh",
  ...(contextLength === 0 ? {} : { context_length: contextLength }),
});
