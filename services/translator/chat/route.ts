import { ChoiceCollector, fanOut } from "../answers/choices.ts";
import { createGenerationRoute, type GenerationOptions } from "../answers/generation-route.ts";
import { type AnswerHead, doneEvent, toErrorEvent } from "../answers/wire.ts";
import { namingModel } from "../errors/param-faults.ts";
import { newId } from "../http/request-context.ts";
import { ChunkEncoder, toUsageChunk } from "./answer/chunks.ts";
import { toCompletion } from "./answer/completion.ts";
import { type ChatRequest, parseChatRequest } from "./request/index.ts";

/** `POST /chat/completions`: as one object, or as a stream, which ends with `[DONE]` unless it fails. */
export const createChatRoute = (options: GenerationOptions) =>
  createGenerationRoute<ChatRequest>(options, {
    parse: parseChatRequest,
    answer(chat, { caller, now }) {
      const head: AnswerHead = { id: newId("chatcmpl-"), created: now, model: chat.generation.model };
      const generations = fanOut(chat.generation, chat.choices, head.id, caller);
      const { remoteImages } = chat;
      if (!chat.stream) {
        const collectors = generations.map(() => new ChoiceCollector());
        return { generations, remoteImages, collectors, toBody: () => toCompletion(head, chat, collectors) };
      }
      const encoders = generations.map((_, index) => new ChunkEncoder(head, index, chat));
      const end = () => (chat.includeUsage ? toUsageChunk(head, encoders) : "") + doneEvent;
      return { generations, remoteImages, encoders, end, fail: toErrorEvent };
    },
    explain: (error, { generation }) => namingModel(generation.model)(error),
  });
