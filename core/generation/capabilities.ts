import { type Generation, ToolChoice_Mode } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Capabilities } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { MeshError } from "../errors/mesh-error.ts";

/** A set of capabilities: the sum of their bits. */
export type CapabilitySet = number;

/** Something that a generation can need and that not every model on every node offers. */
interface Capability {
  readonly bit: CapabilitySet;
  /** Completes "cannot …". */
  readonly verb: string;
  /** The field of a `Generation` that asks for it. */
  readonly field: string;
  readonly isNeeded: (generation: Generation) => boolean;
  readonly isOffered: (offered: Capabilities) => boolean;
}

/**
 * Every capability that decides where a generation can run, by its field in the registry's `Capabilities`. A seed is
 * best effort and not among them; resuming depends on more (`resume.ts`).
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
    verb: "be forced to call a tool",
    field: "tool_choice",
    isNeeded: ({ toolChoice }) => toolChoice?.mode === ToolChoice_Mode.REQUIRED,
    isOffered: ({ forcedToolChoice }) => forcedToolChoice,
  },
  json_object: {
    bit: 4,
    verb: "produce JSON on request",
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
    verb: "report log probabilities",
    field: "logprobs",
    isNeeded: ({ logprobs }) => logprobs !== undefined,
    isOffered: ({ logprobs }) => logprobs,
  },
  vision: {
    bit: 32,
    verb: "read images",
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
    verb: "continue a raw prompt",
    field: "raw_prompt",
    isNeeded: ({ rawPrompt }) => rawPrompt !== undefined,
    isOffered: ({ rawPrompt }) => rawPrompt,
  },
  embeddings: {
    bit: 256,
    verb: "compute embeddings",
    field: "embedding",
    isNeeded: ({ embedding }) => embedding !== undefined,
    isOffered: ({ embeddings }) => embeddings,
  },
} as const satisfies Record<string, Capability>;

/** The name of a capability. */
export type CapabilityName = keyof typeof capabilities;

/** All capabilities, in the order in which they are reported. */
export const capabilityNames = Object.keys(capabilities) as [CapabilityName, ...CapabilityName[]];

const rows: readonly Capability[] = Object.values(capabilities);

/** The capabilities that a generation needs. */
export function needsOf(generation: Generation): CapabilitySet {
  let needs = 0;
  for (const { bit, isNeeded } of rows) if (isNeeded(generation)) needs |= bit;
  return needs;
}

/** The capabilities of a model on a node; none when it reports none. */
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

/** Completes "cannot …": `call tools and see images`. */
export const describeLack = (lack: readonly Lack[]): string =>
  lack.map((name) => (name === "resume" ? "continue such an answer" : capabilities[name].verb)).join(" and ");

/** The failure of a generation whose needs cannot be met; `who` completes "… can call tools". */
export function unsupported(who: string, lack: readonly Lack[]): MeshError {
  const fields = new Set(lack.map((name) => `\`${name === "resume" ? name : capabilities[name].field}\``));
  return new MeshError(
    "invalid_request",
    `${who} ${describeLack(lack)}. Leave out ${[...fields].join(" or ")}, or choose another model.`,
    { capabilities: lack },
  );
}
