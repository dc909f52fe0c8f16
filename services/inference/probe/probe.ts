import type { CapabilityName } from "../../../core/generation/capabilities.ts";
import type { Trial } from "./trial.ts";

/**
 * What can be tried: the fields of the registry's `Capabilities` by their names there, and two facts of their own:
 * that the model answers at all, and that it refuses what exceeds its context.
 */
export type ProbeName = CapabilityName | "seed" | "resume" | "answer" | "context_length";

/** What came of trying one thing that an engine claims of a model. */
export type Finding =
  /** It was done. */
  | { readonly outcome: "shown" }
  /** It was asked for and not done; the reason is for people and holds neither prompt nor answer. */
  | { readonly outcome: "refuted"; readonly reason: string }
  /** It could not be tried; it is tried again later and does not count until then. */
  | { readonly outcome: "undecided"; readonly reason: string };

/** What was found so far of a model. */
export type Findings = ReadonlyMap<ProbeName, Finding>;

/**
 * One small experiment on a model: asks and judges. `findings` are those of the probes before it. What the engine throws
 * is not caught here: a refusal speaks against the claim, and other failures are held against a plain question
 * (`probe-model.ts`).
 */
export type Attempt = (trial: Trial, findings: Findings) => Promise<Finding>;

/** It was done. */
export const shown: Finding = { outcome: "shown" };

/** It was asked for and not done. */
export const refuted = (reason: string): Finding => ({ outcome: "refuted", reason });

/** It could not be tried. */
export const undecided = (reason: string): Finding => ({ outcome: "undecided", reason });

/** Shown when a condition holds, otherwise refuted. */
export const shownIf = (holds: boolean, reason: string): Finding => (holds ? shown : refuted(reason));
