export type { Engine } from "./engine.ts";
export { createNode, type InferenceNode, type NodeOptions } from "./node/create-node.ts";
