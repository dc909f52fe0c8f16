import { type Generation, ToolChoice_Mode } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Capabilities } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { MeshError } from "../errors/mesh-error.ts";

/** A set of capabilities: the sum of their bits. */
export type CapabilitySet = number;

/** Something that a generation can need and that not every model can do on every node. */
interface Capability {
  readonly bit: CapabilitySet;
  /** In words, after "cannot". */
  readonly verb: string;
  /** The field of a `Generation` that asks for it. */
  readonly field: string;
  /** Whether a generation cannot do without it. */
  readonly isNeeded: (generation: Generation) => boolean;
  /** Whether a model on a node has it. */
  readonly isOffered: (offered: Capabilities) => boolean;
}

/**
 * Every capability that decides where a generation can run, by the name of its field in the registry's `Capabilities`.
 * A seed is not among them, because it is best effort; where an answer can be resumed depends on more (`resume.ts`).
 */
export const capabilities = {
  tools: {
    bit: 1,
    verb: "call tools",
    field: "tools",
    isNeeded: ({ tools, toolChoice }) => tools.length > 0 && toolChoice?.mode !== ToolChoice_Mode.NONE,
    isOffered: ({ tools }) => tools,
  },
  forced_tool_choice: {
    bit: 2,
    verb: "be made to call a tool",
    field: "tool_choice",
    isNeeded: ({ toolChoice }) => toolChoice?.mode === ToolChoice_Mode.REQUIRED,
    isOffered: ({ forcedToolChoice }) => forcedToolChoice,
  },
  json_object: {
    bit: 4,
    verb: "answer in JSON on request",
    field: "output_format",
    isNeeded: ({ outputFormat }) => outputFormat?.format.case === "jsonObject",
    isOffered: ({ jsonObject }) => jsonObject,
  },
  json_schema: {
    bit: 8,
    verb: "follow a JSON schema",
    field: "output_format",
    isNeeded: ({ outputFormat }) => outputFormat?.format.case === "jsonSchema",
    isOffered: ({ jsonSchema }) => jsonSchema,
  },
  logprobs: {
    bit: 16,
    verb: "tell log probabilities",
    field: "logprobs",
    isNeeded: ({ logprobs }) => logprobs !== undefined,
    isOffered: ({ logprobs }) => logprobs,
  },
  vision: {
    bit: 32,
    verb: "see pictures",
    field: "messages.parts.image",
    isNeeded: ({ messages }) => messages.some(({ parts }) => parts.some(({ part }) => part.case === "image")),
    isOffered: ({ vision }) => vision,
  },
  logit_bias: {
    bit: 64,
    verb: "bias tokens by id",
    field: "sampling.logit_bias",
    isNeeded: ({ sampling }) => sampling !== undefined && Object.keys(sampling.logitBias).length > 0,
    isOffered: ({ logitBias }) => logitBias,
  },
  raw_prompt: {
    bit: 128,
    verb: "go on from a raw prompt",
    field: "raw_prompt",
    isNeeded: ({ rawPrompt }) => rawPrompt !== undefined,
    isOffered: ({ rawPrompt }) => rawPrompt,
  },
  embeddings: {
    bit: 256,
    verb: "turn text into embeddings",
    field: "embedding",
    isNeeded: ({ embedding }) => embedding !== undefined,
    isOffered: ({ embeddings }) => embeddings,
  },
} as const satisfies Record<string, Capability>;

/** The name of a capability. */
export type CapabilityName = keyof typeof capabilities;

/** All of them, in the order in which they are reported. */
export const capabilityNames = Object.keys(capabilities) as [CapabilityName, ...CapabilityName[]];

const rows: readonly Capability[] = Object.values(capabilities);

/** What a generation cannot do without. */
export function needsOf(generation: Generation): CapabilitySet {
  let needs = 0;
  for (const { bit, isNeeded } of rows) if (isNeeded(generation)) needs |= bit;
  return needs;
}

/** What a model on a node can do; nothing when it says nothing. */
export function offersOf(offered: Capabilities | undefined): CapabilitySet {
  if (offered === undefined) return 0;
  let offers = 0;
  for (const { bit, isOffered } of rows) if (isOffered(offered)) offers |= bit;
  return offers;
}

/** The capabilities in a set, by name. */
export const listCapabilities = (set: CapabilitySet): CapabilityName[] =>
  capabilityNames.filter((name) => (set & capabilities[name].bit) !== 0);

/** What a node may lack for a generation: a capability, or the means to continue its answer. */
export type Lack = CapabilityName | "resume";

/** In words, after "cannot": `call tools and see pictures`. */
export const describeLack = (lack: readonly Lack[]): string =>
  lack
    .map((name) => (name === "resume" ? "go on with such an answer" : capabilities[name].verb))
    .join(" and ");

/**
 * The failure of a generation that asks for what cannot be had: `who` completes "… can call tools", such as `No node
 * that serves `m``.
 */
export function unsupported(who: string, lack: readonly Lack[]): MeshError {
  const fields = new Set(lack.map((name) => `\`${name === "resume" ? name : capabilities[name].field}\``));
  return new MeshError(
    "invalid_request",
    `${who} ${describeLack(lack)}. Leave out ${[...fields].join(" or ")}, or choose another model.`,
    { capabilities: lack },
  );
}
