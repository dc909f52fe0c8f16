import { type Generation, ToolChoice_Mode } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, type ServedModel } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/** The fingerprint of an engine whose tokens also depend on what else it computes. */
export const toApproximate = (fingerprint: string): string => approximateMark + fingerprint;

/** Whether engines of this fingerprint continue each other's answers token for token. */
export const isExact = (fingerprint: string): boolean => !fingerprint.startsWith(approximateMark);

const approximateMark = "~";

/**
 * Whether a model on a node can continue from a resume point: engines that take token ids from those and any text,
 * others from free text. A fingerprint must match. A point with neither tokens nor text needs nothing.
 */
export function canResume({ capabilities, fingerprint }: ServedModel, generation: Generation): boolean {
  const { resume: point } = generation;
  if (point === undefined) return true;
  if (point.fingerprint !== "" && point.fingerprint !== fingerprint) return false;
  const how = capabilities?.resume;
  if (how === Capabilities_Resume.TOKENS) return true;
  if (point.tokenIds.length > 0) return false;
  return point.text === "" || (how === Capabilities_Resume.TEXT && isFree(generation));
}

/** Whether an answer is free text, without a format that its start would be part of. */
const isFree = ({ outputFormat, toolChoice, rawPrompt }: Generation): boolean =>
  outputFormat?.format.case === undefined &&
  toolChoice?.mode !== ToolChoice_Mode.REQUIRED &&
  rawPrompt?.prompt.case !== "tokens";
