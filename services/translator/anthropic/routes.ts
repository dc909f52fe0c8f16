import type { FastifyInstance } from "fastify";
import { createGenerationRoute, type GenerationOptions } from "../answers/generation-route.ts";
import { type Authenticate, requireApiKey } from "../auth/require-key.ts";
import { HttpError, unknownUrl } from "../errors/http-faults.ts";
import { createSendError } from "../errors/send-error.ts";
import { newId, pathOf } from "../http/request-context.ts";
import { addResource, methods, registerAtMounts, takeJson } from "../http/resource.ts";
import { MessageCollector } from "./answer/collector.ts";
import { MessageEncoder, toEvent } from "./answer/events.ts";
import type { MessageHead } from "./answer/wire.ts";
import { modelNotFound, toAnthropicAnswer, toErrorEnvelope } from "./errors.ts";
import { type MessagesRequest, parseMessagesRequest } from "./request/index.ts";

interface AnthropicOptions extends GenerationOptions {
  readonly authenticate: Authenticate;
}

/** Registers Anthropic's routes at both mounts, behind a key. All of their errors use Anthropic's envelope. */
export function registerAnthropic(app: FastifyInstance, options: AnthropicOptions): void {
  registerAtMounts(app, (scope) => {
    scope.setErrorHandler(createSendError(options, toAnthropicAnswer));
    scope.addHook("onRequest", (request, reply, next) => {
      reply.header("request-id", request.id);
      next();
    });
    scope.addHook("onRequest", requireApiKey(options.authenticate));
    takeJson(scope);
    addResource(scope, "/messages", { POST: createMessagesRoute(options) });
    addResource(scope, "/messages/count_tokens", { POST: refuseCount });
    // Anthropic's other routes below get a 404 in Anthropic's envelope.
    scope.route({
      method: [...methods],
      url: "/messages/*",
      onRequest: (request) => {
        throw unknownUrl(request.method, pathOf(request));
      },
      handler: async () => undefined,
    });
  });
}

/** `POST /messages`: as one message, or as a stream. */
const createMessagesRoute = (options: GenerationOptions) =>
  createGenerationRoute<MessagesRequest>(options, {
    parse: parseMessagesRequest,
    answer(request, { caller }) {
      const { generation, remoteImages } = request;
      // Mutated: nothing else refers to it yet.
      Object.assign(generation, { id: newId("msg_"), caller });
      const head: MessageHead = { id: generation.id, model: generation.model };
      const made = { generations: [generation], remoteImages };
      if (!request.stream) {
        const collector = new MessageCollector(request);
        return { ...made, collectors: [collector], toBody: () => collector.toJson(head) };
      }
      return {
        ...made,
        encoders: [new MessageEncoder(head, request)],
        end: () => "",
        fail: (error) => toEvent("error", toErrorEnvelope(error, caller.requestId)),
      };
    },
    explain: (error, { generation }) =>
      error.kind === "model_not_found" ? modelNotFound(generation.model) : error,
  });

/** Only the engine can count tokens, and only in an answer. */
async function refuseCount(): Promise<never> {
  throw new HttpError(
    "unknown_url",
    "Tokens cannot be counted in advance here. The usage of each answer reports the tokens of its prompt.",
  );
}
