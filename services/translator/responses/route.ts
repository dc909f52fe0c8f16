import type { FastifyInstance } from "fastify";
import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { inOwnTurn, inTurnFor } from "../../../core/streams/own-turn.ts";
import { createGenerationRoute, type GenerationOptions } from "../answers/generation-route.ts";
import { defaultStoreLimits, type StoreLimits } from "../config.ts";
import { HttpError } from "../errors/http-faults.ts";
import { namingModel } from "../errors/param-faults.ts";
import { newId } from "../http/request-context.ts";
import { addResource } from "../http/resource.ts";
import type { RemoteImage } from "../images/parse-image.ts";
import { ResponseEncoder } from "./answer/events.ts";
import { Output, unobserved } from "./answer/output.ts";
import {
  type ResponseHead,
  type ResponseObject,
  toEndedResponse,
  toFailedResponse,
} from "./answer/response-object.ts";
import { parseResponseRequest, type ResponseRequest } from "./request/index.ts";
import { toMessages, truncate } from "./request/to-messages.ts";
import { MemoryResponseStore } from "./store/memory-store.ts";
import { type ResponseStore, resolve } from "./store/response-store.ts";
import { createStoredRoutes } from "./stored-routes.ts";

/** OpenAI's Responses API. The returned function registers it in a scope; all scopes share the stored responses. */
export function createResponses(
  options: GenerationOptions & { readonly storeLimits?: StoreLimits },
): (scope: FastifyInstance) => void {
  const store = new MemoryResponseStore(options.clock, options.storeLimits ?? defaultStoreLimits);
  const resources = {
    "/responses": { POST: createResponseRoute(options, store) },
    ...createStoredRoutes(store),
  };
  return (scope) => {
    for (const [url, handlers] of Object.entries(resources)) addResource(scope, url, handlers, false);
  };
}

/**
 * `POST /responses`: as one object, or as a stream whose last event reports the outcome. With `store`, the response
 * is kept whatever its outcome, so that a client that saw its end can continue it.
 */
const createResponseRoute = (options: GenerationOptions, store: ResponseStore) =>
  createGenerationRoute<ResponseRequest>(options, {
    parse: parseResponseRequest,
    async answer(request, { caller, rules }) {
      const { userId } = caller;
      const resolved = await resolve(store, userId, request.input, request.previousResponseId);
      const { settings, instructions, summarizes } = request;
      const head: ResponseHead = { id: newId("resp_"), createdAt: nowSeconds(options), settings };
      const remote: RemoteImage[] | undefined = rules.fetchImages ? [] : undefined;
      const messages = toMessages({ instructions, ...resolved, remote });
      // Mutated: nothing else refers to it yet.
      const generation = Object.assign(request.generation, { id: head.id, caller, messages });
      const made = {
        generations: [generation],
        remoteImages: remote ?? [],
        retry: retryWithFewerTurns(request),
      };

      const save = async (output: Output, response: ResponseObject): Promise<void> => {
        if (!request.store) return;
        const stored = {
          id: head.id,
          userId,
          response: await toBytes(response),
          input: await toBytes(resolved.input),
          itemIds: [...resolved.input, ...output.items].map(({ id }) => id),
          previousId: resolved.continued.at(-1)?.id,
        };
        await store.put(stored, resolved.continued);
      };
      const end = async (output: Output): Promise<ResponseObject> => {
        const response = toEndedResponse(head, output, nowSeconds(options));
        await save(output, response);
        return response;
      };

      if (!request.stream) {
        const output = new Output(summarizes, unobserved);
        return { ...made, collectors: [output], toBody: async () => JSON.stringify(await end(output)) };
      }
      const encoder = new ResponseEncoder(head, summarizes);
      return {
        ...made,
        encoders: [encoder],
        end: async () => encoder.end(await end(encoder.output)),
        async fail(error, clientGone) {
          const failed = toFailedResponse(head, encoder.output, error);
          // A client that has disconnected has not seen the end.
          if (!clientGone) await save(encoder.output, failed);
          return encoder.end(failed);
        },
      };
    },
    explain: (error, { generation }) => withOwnParam(namingModel(generation.model)(error)),
  });

/** With `truncation: auto`: retries with fewer turns each time the context is exceeded. */
function retryWithFewerTurns({ mayTruncate, generation }: ResponseRequest) {
  let shorter = generation;
  return (error: MeshError) => {
    // Engines report it of the prompt, so nothing has been shown yet.
    if (!mayTruncate || error.code !== "context_length_exceeded") return undefined;
    const messages = truncate(shorter.messages);
    if (messages === undefined) return undefined;
    shorter = { ...shorter, messages };
    return [shorter];
  };
}

/** JSON text in UTF-8, made in turns of the event loop: the input may be as long as a body. */
async function toBytes(value: object): Promise<Buffer> {
  const json = await inOwnTurn(() => JSON.stringify(value));
  return inTurnFor(json.length, () => Buffer.from(json));
}

const nowSeconds = ({ clock }: { readonly clock: Clock }): number => Math.floor(clock.wallTime() / 1000);

/** Renames the parameter of an error to its name here; returns other errors unchanged. */
function withOwnParam(error: MeshError): MeshError {
  const param = error.param === undefined ? undefined : ownParams[error.param];
  if (param === undefined || error instanceof HttpError) return error;
  const { kind, message, code, retryAfterMs, cause } = error;
  return new MeshError(kind, message, {
    param,
    cause,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The mesh names parameters as chat completions do. */
const ownParams: Readonly<Record<string, string>> = {
  messages: "input",
  response_format: "text.format",
  max_tokens: "max_output_tokens",
  max_completion_tokens: "max_output_tokens",
  reasoning_effort: "reasoning.effort",
};
