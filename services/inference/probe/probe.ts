import type { CapabilityName } from "../../../core/generation/capabilities.ts";
import type { Trial } from "./trial.ts";

/**
 * What is probed: the registry's `Capabilities` by field name, that the model answers at all, and that it refuses
 * what exceeds its context.
 */
export type ProbeName = CapabilityName | "seed" | "resume" | "answer" | "context_length";

/** The result of probing one claim. */
export type Finding =
  /** It was done. */
  | { readonly outcome: "shown" }
  /** Asked for and not done; the reason is for people and quotes neither prompt nor answer. */
  | { readonly outcome: "refuted"; readonly reason: string }
  /** Could not be tried yet: retried later, and not claimed until then. */
  | { readonly outcome: "undecided"; readonly reason: string };

export type Findings = ReadonlyMap<ProbeName, Finding>;

/** One small experiment on a model, given earlier findings. What the engine throws is judged in `probe-model.ts`. */
export type Attempt = (trial: Trial, findings: Findings) => Promise<Finding>;

/** It was done. */
export const shown: Finding = { outcome: "shown" };

export const refuted = (reason: string): Finding => ({ outcome: "refuted", reason });

export const undecided = (reason: string): Finding => ({ outcome: "undecided", reason });

export const shownIf = (holds: boolean, reason: string): Finding => (holds ? shown : refuted(reason));
