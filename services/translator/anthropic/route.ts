import { createGenerationRoute } from "../answers/generation-route.ts";
import type { GenerationOptions } from "../answers/options.ts";
import { newId } from "../http/request-id.ts";
import { MessageCollector } from "./answer/collector.ts";
import { MessageEncoder, toEvent } from "./answer/events.ts";
import type { MessageHead } from "./answer/wire.ts";
import { modelNotFound, toErrorEnvelope } from "./errors.ts";
import { type MessagesRequest, parseMessagesRequest } from "./request/index.ts";

/** `POST /messages`: as one message, or as a stream. */
export const createMessagesRoute = (options: GenerationOptions) =>
  createGenerationRoute<MessagesRequest>(options, {
    parse: parseMessagesRequest,
    answer(request, { caller }) {
      const { generation, remoteImages } = request;
      // In place, because nobody else holds it yet.
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
