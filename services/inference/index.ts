export { createEngine, type EngineContext, type EngineSpec, engineSpecSchema } from "./create-engine.ts";
export type { Engine } from "./engine.ts";
export { readHardware } from "./hardware/read-hardware.ts";
export { IdentityFolder, type KeptIdentity, type MeshConfig } from "./identity/identity-folder.ts";
export { joinMesh } from "./identity/join-mesh.ts";
export { keepRenewed } from "./identity/keep-renewed.ts";
export { createNode, type InferenceNode, type NodeOptions } from "./node/create-node.ts";
