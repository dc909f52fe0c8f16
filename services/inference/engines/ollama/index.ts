export { createOllamaEngine, type OllamaSurroundings } from "./ollama-engine.ts";
export { type OllamaOptions, ollamaOptionsSchema } from "./options.ts";
export { type PullProgress, pullOllamaModel } from "./pull.ts";
