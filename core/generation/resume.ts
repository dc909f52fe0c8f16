import { type Generation, ToolChoice_Mode } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, type ServedModel } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/**
 * Whether a model on a node can continue an answer from where this generation has it begin. From token ids only where
 * the engine takes those, and there from text in any form; from free text by all that can. With a fingerprint, only by
 * an engine that has it. A resume point with neither tokens nor text asks for nothing.
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

/** Whether an answer is text without a form in which its beginning would have a part. */
const isFree = ({ outputFormat, toolChoice, rawPrompt }: Generation): boolean =>
  outputFormat?.format.case === undefined &&
  toolChoice?.mode !== ToolChoice_Mode.REQUIRED &&
  rawPrompt?.prompt.case !== "tokens";
