export { type Fault, type SyntheticOptions, syntheticOptionsSchema } from "./options.ts";
export { createSyntheticEngine, type SyntheticSurroundings } from "./synthetic-engine.ts";
