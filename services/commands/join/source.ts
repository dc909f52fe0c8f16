import type { EngineSpec } from "../../inference/index.ts";

/** An engine of this node. */
export interface Source {
  /** Such as `Ollama 0.12.6`. */
  readonly title: string;
  /** Such as `at http://127.0.0.1:11434`, or a file. */
  readonly place: string;
  /** What `createEngine` gets. */
  readonly spec: EngineSpec;
}

/** What this node will offer. */
export interface Offer {
  /** In order of preference; at least one. */
  readonly sources: readonly Source[];
  /** Whether they were searched for, not named. */
  readonly searched: boolean;
  /** What is here and not served, with why and what to do, a sentence each. */
  readonly leftOut: readonly string[];
  /** Whether only the starter model is offered. */
  readonly starter: boolean;
  /** URLs of listeners that did not answer, when `starter`. */
  readonly silent: readonly string[];
}
