import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Finding } from "./finding.ts";
import type { Trial } from "./trial.ts";

/**
 * What can be tried: the fields of the registry's `Capabilities` by their names there, and two facts of their own:
 * that the model answers at all, and that it refuses what exceeds its context.
 */
export const probeNames = [
  "answer",
  "embeddings",
  "logprobs",
  "logit_bias",
  "raw_prompt",
  "json_object",
  "json_schema",
  "forced_tool_choice",
  "tools",
  "seed",
  "resume",
  "vision",
  "context_length",
] as const;

/** One of them. */
export type ProbeName = (typeof probeNames)[number];

/** What was found so far of a model. */
export type Findings = ReadonlyMap<ProbeName, Finding>;

/** One small experiment on a model. */
export interface Probe {
  readonly name: ProbeName;
  /** Whether the engine claims it, so that there is something to try. */
  isClaimed(served: ServedModel): boolean;
  /**
   * Asks and judges. `findings` are those of the probes before it. What the engine throws is not caught here: a
   * refusal speaks against the claim, and other failures are held against a plain question (`probe-model.ts`).
   */
  attempt(trial: Trial, findings: Findings): Promise<Finding>;
}
