import { hermes } from "./hermes.ts";
import { llama3 } from "./llama3.ts";
import { mistralList, mistralNamed } from "./mistral.ts";
import type { Notation } from "./notation.ts";

/** The notation that a chat template teaches; undefined when it is none of the known ones. */
export function detectNotation(templateSource: string): Notation | undefined {
  const has = (text: string) => templateSource.includes(text);
  // Qwen3-Coder writes XML inside of the same marks.
  if (has("<tool_call>")) return has("<function=") || has("<arg_key>") ? undefined : hermes;
  if (has("[TOOL_CALLS]")) return has("[ARGS]") ? mistralNamed : mistralList;
  if (has("<|python_tag|>") || /"name":.*"parameters":/.test(templateSource)) return llama3;
  return undefined;
}
