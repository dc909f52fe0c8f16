import type { Clock } from "../../../../core/clock.ts";
import { startedEvent } from "../../../../core/generation/events.ts";
import { linkSignal } from "../../../../core/streams/link-signal.ts";
import type { Generation, GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { chatLineSchema, generateLineSchema } from "./api.ts";
import type { OllamaClient } from "./client.ts";
import { type Asked, failed } from "./failures.ts";
import { type AnswerLine, LineReader, toAnswerLine } from "./line-reader.ts";
import { type Prepared, prepare } from "./prepare.ts";
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
  const { reading } = prepared;
  const asked: Asked = {
    who: client.who,
    model: known.served.engineName,
    contextLength: known.served.contextLength,
    param: prepared.param,
    formParam: prepared.formParam,
    continues: generation.resume !== undefined,
  };
  yield startedEvent("", known.served.fingerprint);
  const reader = new LineReader(reading);
  let ended: "stop" | "length" | undefined;
  for await (const line of linesOf(client, prepared, asked, signal)) {
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
  yield* reader.finish(ended, await countPrompt(client, clock, prepared, asked, signal));
}

async function* linesOf(
  client: OllamaClient,
  prepared: Prepared,
  asked: Asked,
  signal: AbortSignal,
): AsyncGenerator<AnswerLine> {
  const { path, request, reading } = prepared;
  const lines =
    path === "/api/chat"
      ? client.lines(path, chatLineSchema, signal, request, asked)
      : client.lines(path, generateLineSchema, signal, request, asked);
  for await (const line of lines) yield toAnswerLine(line, reading.topLogprobs);
}

/**
 * Ollama reports the prompt's length only at the end of an answer, which one that was cut here does not reach. So it
 * is asked for one token more, with the prompt still in its cache. On failure or timeout the length is estimated.
 */
async function countPrompt(
  client: OllamaClient,
  clock: Clock,
  prepared: Prepared,
  asked: Asked,
  signal: AbortSignal,
): Promise<number> {
  const scope = linkSignal(signal);
  const timer = clock.after(countTimeoutMs, () => scope.abort());
  const options = { ...prepared.request.options, num_predict: 1 };
  const again = { ...prepared, request: { ...prepared.request, options } } as Prepared;
  try {
    for await (const { done, promptTokens } of linesOf(client, again, asked, scope.signal))
      if (done) return promptTokens ?? roughTokens(prepared);
  } catch {
    signal.throwIfAborted();
  } finally {
    timer.cancel();
    scope.unlink();
  }
  return roughTokens(prepared);
}

const countTimeoutMs = 5000;

/** Estimates the tokens of a prompt: English has four characters to a token. */
function roughTokens({ path, request }: Prepared): number {
  const units =
    path === "/api/generate"
      ? request.prompt.length
      : request.messages.reduce((sum, { content }) => sum + content.length, 0) +
        JSON.stringify(request.tools ?? []).length;
  return Math.max(1, Math.ceil(units / 4));
}
