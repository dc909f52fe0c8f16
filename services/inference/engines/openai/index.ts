export { createOpenAiEngine, type OpenAiSurroundings } from "./openai-engine.ts";
export { type OpenAiOptions, openAiOptionsSchema } from "./options.ts";
