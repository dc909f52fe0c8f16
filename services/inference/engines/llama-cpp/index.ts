export { inspectModelFile, type ModelFileFacts } from "./inspect-file.ts";
export { createLlamaCppEngine, type LlamaCppOptions } from "./llama-cpp-engine.ts";
export { embeddedEngineFault } from "./native/platform.ts";
