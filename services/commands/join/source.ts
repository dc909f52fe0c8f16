import type { EngineSpec } from "../../inference/index.ts";

/** An engine that this node will use, as people know it. */
export interface Source {
  /** Such as `Ollama 0.12.6`. */
  readonly title: string;
  /** Such as `at http://127.0.0.1:11434`, or a file. */
  readonly place: string;
  /** What `createEngine` gets. */
  readonly spec: EngineSpec;
}

/** What this node will offer, before anything is loaded. */
export interface Offer {
  /** In order of preference; at least one. */
  readonly sources: readonly Source[];
  /** Whether they were searched for, as opposed to named. */
  readonly searched: boolean;
  /** What is here and not served, with why and what to do: a sentence each. */
  readonly leftOut: readonly string[];
  /** True when nothing better was found than the model that comes along. */
  readonly starter: boolean;
  /** URLs of what listens on this machine and did not say in time what it is, where `starter` is offered instead. */
  readonly silent: readonly string[];
}
