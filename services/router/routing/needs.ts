import { type Generation, ToolChoice_Mode } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Capabilities } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** A set of capabilities, one bit for each row of `capabilities`. */
export type Needs = number;

/** Something that not every node can do. */
export interface Capability {
  /** Which bit of `Needs`. */
  readonly bit: Needs;
  /** Completes "a node that can …". */
  readonly verb: string;
  /** The request parameter that asks for it. */
  readonly param: string;
  /** OpenAI's code for asking in vain. */
  readonly code: "unsupported_parameter" | "unsupported_value";
  /** Whether a generation cannot do without it. */
  readonly isNeeded: (generation: Generation) => boolean;
  /** Whether a model on a node has it. */
  readonly isOffered: (offered: Capabilities) => boolean;
}

/** Every capability that decides where a generation can run. A seed is not among them: it is best effort. */
export const capabilities: readonly Capability[] = [
  {
    bit: 1,
    verb: "call tools",
    param: "tools",
    code: "unsupported_parameter",
    isNeeded: ({ tools, toolChoice }) => tools.length > 0 && toolChoice?.mode !== ToolChoice_Mode.NONE,
    isOffered: ({ tools }) => tools,
  },
  {
    bit: 2,
    verb: "be made to call a tool",
    param: "tool_choice",
    code: "unsupported_value",
    isNeeded: ({ toolChoice }) => toolChoice?.mode === ToolChoice_Mode.REQUIRED,
    isOffered: ({ forcedToolChoice }) => forcedToolChoice,
  },
  {
    bit: 4,
    verb: "answer in JSON on request",
    param: "response_format",
    code: "unsupported_value",
    isNeeded: ({ outputFormat }) => outputFormat?.format.case === "jsonObject",
    isOffered: ({ jsonObject }) => jsonObject,
  },
  {
    bit: 8,
    verb: "follow a JSON schema",
    param: "response_format",
    code: "unsupported_value",
    isNeeded: ({ outputFormat }) => outputFormat?.format.case === "jsonSchema",
    isOffered: ({ jsonSchema }) => jsonSchema,
  },
  {
    bit: 16,
    verb: "tell log probabilities",
    param: "logprobs",
    code: "unsupported_parameter",
    isNeeded: ({ logprobs }) => logprobs !== undefined,
    isOffered: ({ logprobs }) => logprobs,
  },
  {
    bit: 32,
    verb: "see pictures",
    param: "messages",
    code: "unsupported_value",
    isNeeded: ({ messages }) => messages.some(({ parts }) => parts.some(({ part }) => part.case === "image")),
    isOffered: ({ vision }) => vision,
  },
  {
    bit: 64,
    verb: "bias tokens by id",
    param: "logit_bias",
    code: "unsupported_parameter",
    isNeeded: ({ sampling }) => sampling !== undefined && Object.keys(sampling.logitBias).length > 0,
    isOffered: ({ logitBias }) => logitBias,
  },
  {
    bit: 128,
    verb: "go on from a raw prompt",
    param: "prompt",
    code: "unsupported_parameter",
    isNeeded: ({ rawPrompt }) => rawPrompt !== undefined,
    isOffered: ({ rawPrompt }) => rawPrompt,
  },
  {
    bit: 256,
    verb: "turn text into embeddings",
    param: "model",
    code: "unsupported_value",
    isNeeded: ({ embedding }) => embedding !== undefined,
    isOffered: ({ embeddings }) => embeddings,
  },
];

/** What a generation cannot do without. */
export function needsOf(generation: Generation): Needs {
  let needs = 0;
  for (const { bit, isNeeded } of capabilities) if (isNeeded(generation)) needs |= bit;
  return needs;
}

/** What a model on a node can do; nothing when it says nothing. */
export function offersOf(offered: Capabilities | undefined): Needs {
  if (offered === undefined) return 0;
  let offers = 0;
  for (const { bit, isOffered } of capabilities) if (isOffered(offered)) offers |= bit;
  return offers;
}

/** The capabilities in a set. */
export function listNeeds(needs: Needs): Capability[] {
  return capabilities.filter(({ bit }) => (needs & bit) !== 0);
}
