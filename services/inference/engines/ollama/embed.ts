import { embeddedEvent, finishedEvent, startedEvent } from "../../../../core/generation/events.ts";
import type { Generation, GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { toUnitVector } from "../upstream/unit-vector.ts";
import { embedSchema } from "./api.ts";
import type { OllamaClient } from "./client.ts";
import { failed } from "./failures.ts";
import { rawText } from "./prepare.ts";
import type { KnownModel } from "./served-model.ts";

/** Embeds all texts in one request. */
export async function* embed(
  { embedding }: Generation,
  { served }: KnownModel,
  client: OllamaClient,
  keepAlive: string | number | undefined,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const input = (embedding?.inputs ?? []).map(({ prompt }) => rawText(prompt, "input"));
  yield startedEvent("", served.fingerprint);
  const body = {
    model: served.engineName,
    input,
    truncate: false,
    options: { num_ctx: served.contextLength },
    ...(keepAlive === undefined ? {} : { keep_alive: keepAlive }),
  };
  const { who } = client;
  const asked = { who, model: served.engineName, contextLength: served.contextLength, param: "input" };
  const answer = await client.once("/api/embed", embedSchema, signal, body, asked);
  if (answer.embeddings.length !== input.length)
    throw failed(
      `${who} gave ${answer.embeddings.length} vectors of \`${served.model}\` for ${input.length} inputs.`,
    );
  for (const [index, values] of answer.embeddings.entries()) yield embeddedEvent(index, toUnitVector(values));
  const promptTokens =
    answer.prompt_eval_count ?? Math.max(input.length, Math.ceil(input.join("").length / 4));
  yield finishedEvent(FinishReason.STOP, {
    promptTokens,
    completionTokens: 0,
    cachedTokens: 0,
    reasoningTokens: 0,
  });
}
