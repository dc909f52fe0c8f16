import type { Clock } from "../../../../core/clock.ts";
import { startedEvent } from "../../../../core/generation/events.ts";
import { within } from "../../../../core/streams/within.ts";
import type { Generation, GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { embeddingEvents } from "../embeddings.ts";
import { answerLineSchema, embedSchema } from "./api.ts";
import type { OllamaClient } from "./client.ts";
import { type Asked, failed } from "./failures.ts";
import { LineReader, toAnswerLine } from "./line-reader.ts";
import { type Prepared, prepare, rawText } from "./prepare.ts";
import type { KnownModel } from "./served-model.ts";

export interface AnswerOptions {
  readonly client: OllamaClient;
  readonly clock: Clock;
  readonly keepAlive: string | number | undefined;
}

/** Answers a conversation or continues a raw prompt. */
export async function* answer(
  generation: Generation,
  known: KnownModel,
  { client, clock, keepAlive }: AnswerOptions,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const prepared = prepare(generation, known, keepAlive);
  const { path, request, reading, param, formParam } = prepared;
  const { engineName: model, contextLength, fingerprint } = known.served;
  const continues = generation.resume !== undefined;
  const asked: Asked = { who: client.who, model, contextLength, param, formParam, continues };
  yield startedEvent("", fingerprint);
  const reader = new LineReader(generation, reading);
  let ended: "stop" | "length" | undefined;
  for await (const written of client.lines(path, answerLineSchema, signal, request, asked)) {
    const line = toAnswerLine(written, generation.logprobs?.top ?? 0);
    if (reader.isBeyondLimit(line)) ended = "length";
    else yield reader.take(line);
    if (line.done) {
      yield* reader.finish(line.doneReason, line.promptTokens ?? roughTokens(prepared));
      return;
    }
    if (reader.met !== "") ended = "stop";
    if (ended !== undefined) break;
  }
  // Leaving the loop has aborted the request.
  if (ended === undefined)
    throw failed(`${client.who} broke off an answer of \`${known.served.model}\` before its end.`);
  const count = (scope: AbortSignal) => countPrompt(client, prepared, asked, scope);
  const counted = await within(clock, countTimeoutMs, signal, count).catch(() => undefined);
  signal.throwIfAborted();
  yield* reader.finish(ended, counted ?? roughTokens(prepared));
}

/** Counts the prompt of an answer cut here: asks for one token more, from the cache; else estimates. */
async function countPrompt(
  client: OllamaClient,
  { path, request }: Prepared,
  asked: Asked,
  signal: AbortSignal,
): Promise<number | undefined> {
  const body = { ...request, options: { ...request.options, num_predict: 1 } };
  for await (const line of client.lines(path, answerLineSchema, signal, body, asked))
    if (line.done) return line.prompt_eval_count ?? undefined;
  return undefined;
}

const countTimeoutMs = 5000;

/** Estimates the tokens of a prompt: English has four characters to a token. */
function roughTokens({ request }: Prepared): number {
  const units =
    "prompt" in request
      ? request.prompt.length
      : request.messages.reduce((sum, { content }) => sum + content.length, 0) +
        JSON.stringify(request.tools ?? []).length;
  return Math.max(1, Math.ceil(units / 4));
}

/** Embeds all texts in one request. */
export async function* embed(
  { embedding }: Generation,
  { served }: KnownModel,
  { client, keepAlive }: AnswerOptions,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const input = (embedding?.inputs ?? []).map(({ prompt }) => rawText(prompt, "input"));
  yield startedEvent("", served.fingerprint);
  const { engineName: model, contextLength } = served;
  const { who } = client;
  const body = {
    model,
    input,
    truncate: false,
    options: { num_ctx: contextLength },
    keep_alive: keepAlive,
  };
  const asked = { who, model, contextLength, param: "input" };
  const { embeddings, prompt_eval_count } = await client.once("/api/embed", embedSchema, signal, body, asked);
  if (embeddings.length !== input.length)
    throw failed(
      `${who} gave ${embeddings.length} vectors of \`${served.model}\` for ${input.length} inputs.`,
    );
  const estimate = Math.max(input.length, Math.ceil(input.join("").length / 4));
  yield* embeddingEvents(embeddings, prompt_eval_count ?? estimate);
}
