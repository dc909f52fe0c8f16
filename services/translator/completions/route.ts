import { ChoiceCollector, fanOut } from "../answers/choices.ts";
import { createGenerationRoute, type GenerationOptions } from "../answers/generation-route.ts";
import { type AnswerHead, doneEvent, toErrorEvent } from "../answers/wire.ts";
import { namingModel } from "../errors/param-faults.ts";
import { newId } from "../http/request-context.ts";
import { ChunkEncoder, toCompletion, toUsageChunk } from "./answer.ts";
import { type CompletionRequest, parseCompletionRequest } from "./request.ts";

/**
 * `POST /completions`, the legacy form, as one object or as a stream, which ends with `[DONE]` unless it fails. All
 * choices of the first prompt precede those of the second.
 */
export const createCompletionsRoute = (options: GenerationOptions) =>
  createGenerationRoute<CompletionRequest>(options, {
    parse: parseCompletionRequest,
    answer(request, { caller, now }) {
      const { model, choices } = request;
      const head: AnswerHead = { id: newId("cmpl-"), created: now, model };
      const generations = request.generations.flatMap((generation, index) => {
        const id = request.generations.length === 1 ? head.id : `${head.id}-${index}`;
        return fanOut(generation, choices, id, caller);
      });
      if (!request.stream) {
        const collectors = generations.map(() => new ChoiceCollector());
        return { generations, collectors, toBody: () => toCompletion(head, request, collectors) };
      }
      const encoders = generations.map((_, index) => new ChunkEncoder(head, index, request));
      const end = () => (request.includeUsage ? toUsageChunk(head, request, encoders) : "") + doneEvent;
      return { generations, encoders, end, fail: toErrorEvent };
    },
    explain: (error, { model }) => namingModel(model)(error),
  });
