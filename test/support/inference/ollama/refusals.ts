import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Line } from "./answer-lines.ts";
import { DecodingError } from "./go-decoding.ts";
import { type GeneratingRequest, optionFault } from "./requests.ts";

/** What the server answers: a text, or lines as they come. */
export type Answer =
  | { readonly status: number; readonly type: string; readonly text: string }
  | { readonly lines: AsyncIterable<Line> };

/** JSON as gin writes it. */
export const json = (value: unknown, status = 200): Answer => ({
  status,
  type: "application/json; charset=utf-8",
  text: JSON.stringify(value),
});

/** An error as Ollama writes it. */
export const refusal = (status: number, error: string): Answer => json({ error }, status);

/** What is said of a model that is not there. */
export function modelFault(model: string | undefined): Answer | undefined {
  if (model === "starter" || model === "starter:latest") return undefined;
  return refusal(404, `model '${model ?? ""}' not found`);
}

/** What `ChatHandler` and `GenerateHandler` look at before they schedule. */
export function generatingFault(body: GeneratingRequest): Answer | undefined {
  const top = body.top_logprobs ?? 0;
  if (top < 0 || top > 20) return refusal(400, "top_logprobs must be between 0 and 20");
  const wrongModel = modelFault(body.model);
  if (wrongModel !== undefined) return wrongModel;
  if (body.think !== undefined && body.think !== false)
    return refusal(400, `"${body.model}" does not support thinking`);
  const option = optionFault(body.options);
  if (option !== undefined) return refusal(500, option);
  const { format } = body;
  if (
    format !== undefined &&
    format !== "json" &&
    format !== "" &&
    (typeof format !== "object" || Array.isArray(format))
  )
    return refusal(
      500,
      `invalid format: ${JSON.stringify(JSON.stringify(format))}; expected "json" or a valid JSON Schema object`,
    );
  return undefined;
}

/** What fails in the engine, as llama-server and Ollama say it. */
export function toRefusal(error: unknown): Answer {
  if (error instanceof DecodingError) return refusal(400, error.message);
  if (!(error instanceof MeshError)) return refusal(500, String(error));
  if (error.kind === "saturated")
    return refusal(503, "server busy, please try again.  maximum pending requests exceeded");
  if (error.code === "context_length_exceeded" && error.param === "input")
    return refusal(400, "the input length exceeds the context length");
  if (error.code === "context_length_exceeded") {
    const [, available, given] =
      /length is (\d+) tokens.* resulted in (\d+) tokens/.exec(error.message) ?? [];
    const said = `request (${given} tokens) exceeds the available context size (${available} tokens), try increasing it`;
    const inner = { code: 400, message: said, type: "exceed_context_size_error" };
    return refusal(
      400,
      JSON.stringify({ error: { ...inner, n_prompt_tokens: Number(given), n_ctx: Number(available) } }),
    );
  }
  return refusal(error.kind === "invalid_request" ? 400 : 500, error.message);
}
