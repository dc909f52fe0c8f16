export { createLlamaCppEngine, type LlamaCppOptions } from "./llama-cpp-engine.ts";
