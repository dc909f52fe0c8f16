import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { embeddedEvent, finishedEvent, startedEvent } from "../../../../core/generation/events.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
  type RawPrompt,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { LoadedModel } from "./load-model.ts";
import { inSlices, type Sliced } from "./prompt/in-slices.ts";
import { checkTokens, contextLimit } from "./prompt/token-limit.ts";
import { StepWatch } from "./step-watch.ts";

/** Tokens that may be added around an input. */
const aroundTokens = 2;

/** Generates embeddings. */
export async function* embed(
  generation: Generation,
  model: LoadedModel,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  signal.throwIfAborted();
  const inputs: number[][] = [];
  for (const [index, input] of (generation.embedding?.inputs ?? []).entries())
    inputs.push(await inSlices(toTokens(input, index, model), signal));
  const watch = new StepWatch(signal, model.clock);
  try {
    yield startedEvent("", model.fingerprint);
    let promptTokens = 0;
    for (const [index, input] of inputs.entries()) {
      const embedding = yield* watch.run(() => model.native.embedder.embed(input));
      watch.shown();
      promptTokens += embedding.tokens;
      yield embeddedEvent(index, embedding.values);
    }
    const usage = { promptTokens, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 };
    yield finishedEvent(FinishReason.STOP, usage);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof MeshError) throw error;
    throw new MeshError("engine_failed", "The embedded engine failed at these embeddings.", { cause: error });
  } finally {
    watch.close();
  }
}

/** Special tokens spelled out in an input are plain text: an input is no template. */
function* toTokens({ prompt }: RawPrompt, index: number, model: LoadedModel): Sliced<number[]> {
  const { tokenizer, contextLength } = model;
  const limit = contextLimit(contextLength, index, { reserved: aroundTokens });
  const tokens =
    prompt.case === "tokens" ? prompt.value.ids : yield* tokenizer.encodeInput(prompt.value ?? "", limit);
  checkTokens(tokens.length, limit);
  const foreign = tokens.find((id) => !tokenizer.knows(id));
  if (foreign !== undefined) throw fault(index, `${foreign} is not a token of this model.`, "invalid_value");
  if (tokens.length === 0) throw fault(index, "it comes to no tokens at all.", "empty_string");
  return tokens;
}

const fault = (index: number, what: string, code: string): MeshError =>
  new MeshError("invalid_request", `Invalid 'input[${index}]': ${what}`, { code, param: "input" });
