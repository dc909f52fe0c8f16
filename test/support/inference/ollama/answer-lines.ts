import {
  FinishReason,
  type GenerationEvent,
  type TokenChoice,
  type TokenLogprob,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** A line of an answer as the server writes it. */
export type Line = Readonly<Record<string, unknown>>;

/**
 * The lines that Ollama makes of an answer (server/routes.go, llm/llama_server.go): one for each token that shows
 * something; calls gathered until the end and given with the last line; counts only there, the end-of-answer token
 * among them. `content` puts text where the endpoint has it.
 */
export async function* answerLines(
  events: AsyncIterable<GenerationEvent>,
  model: string,
  top: number,
  content: (text: string, calls: readonly object[]) => Line,
): AsyncGenerator<Line> {
  const calls: { id: string; name: string; json: string }[] = [];
  for await (const { event } of events) {
    if (event.case === "delta") {
      const { text, toolCalls, logprobs } = event.value;
      for (const { index, id, name, argumentsJson } of toolCalls) {
        calls[index] ??= { id, name, json: "" };
        calls[index].json += argumentsJson;
      }
      if (text !== "" || logprobs.length > 0)
        yield {
          ...head(model),
          ...content(text, []),
          done: false,
          ...(logprobs.length === 0 ? {} : { logprobs: logprobs.map((one) => toLogprob(one, top)) }),
        };
    }
    if (event.case === "finished") {
      const { reason, usage, stop } = event.value;
      const isWhole = reason !== FinishReason.LENGTH;
      yield {
        ...head(model),
        ...content(
          "",
          calls.map(({ id, name, json }, index) => ({
            id,
            function: { index, name, arguments: JSON.parse(isWhole ? json : "{}") },
          })),
        ),
        done: true,
        done_reason: isWhole ? "stop" : "length",
        total_duration: 4883583458,
        load_duration: 1334875,
        prompt_eval_count: usage?.promptTokens,
        prompt_eval_duration: 342546000,
        eval_count: (usage?.completionTokens ?? 0) + (isWhole && stop === "" ? 1 : 0),
        eval_duration: 4535599000,
      };
    }
  }
}

const head = (model: string): Line => ({ model, created_at: new Date().toISOString() });

const toLogprob = ({ token, top: alternatives }: TokenLogprob, top: number): Line => ({
  ...toToken(token!),
  ...(top === 0 ? {} : { top_logprobs: alternatives.slice(0, top).map(toToken) }),
});

const toToken = ({ text, logprob }: TokenChoice): Line => ({
  token: text,
  logprob,
  ...(text === "" ? {} : { bytes: [...Buffer.from(text)] }),
});
