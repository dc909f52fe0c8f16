import type { Show } from "./api.ts";

/**
 * Renderers of Ollama's that close a turn of the assistant at the end of a conversation and open another, or write
 * something behind it, so that the model does not continue its text (model/renderers at
 * fb30760996871fa9460115c753afd2c60d4ab0f7). All others leave it open, as the templates of Ollama's library do, that of
 * gpt-oss included, which leaves it open in its `final` channel; so does llama-server where it renders.
 */
const startingAgain = new Set([
  "cogito",
  "deepseek3.1",
  "functiongemma",
  "gemma4",
  "gemma4-large",
  "gemma4-small",
  "glimmer",
  "glm-4.7",
  "glm-ocr",
  "laguna",
  "nemotron-3-nano",
  "nemotron-3.5-nano",
  "olmo3-32b-think",
  "olmo3-think",
  "poolside-v1",
]);

/**
 * Whether the model continues a last turn of the assistant, as far as its description says. Its modelfile names its
 * renderer, if it has one; what a custom template does shows only when it is tried.
 */
export function goesOnFromText({ modelfile }: Show): boolean {
  const renderer = /^RENDERER "?([^"\s]+)"?\s*$/m.exec(modelfile ?? "")?.[1];
  return renderer === undefined || !startingAgain.has(renderer);
}
