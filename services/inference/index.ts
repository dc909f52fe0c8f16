export { createEngine, type EngineSpec, type EngineSurroundings, engineSpecSchema } from "./create-engine.ts";
export type { Engine } from "./engine.ts";
export { createNode, type InferenceNode, type NodeOptions } from "./node/create-node.ts";
