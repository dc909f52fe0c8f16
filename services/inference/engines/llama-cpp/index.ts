export { createLlamaCppEngine } from "./llama-cpp-engine.ts";
export { inspectModelFile, type ModelFileFacts } from "./load-model.ts";
export { embeddedEngineFault } from "./native/platform.ts";
