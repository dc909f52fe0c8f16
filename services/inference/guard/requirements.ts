import { MeshError } from "../../../core/errors/mesh-error.ts";
import { type Generation, ToolChoice_Mode } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  type Capabilities,
  Capabilities_Resume,
  type ServedModel,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** Something that a generation can ask for and a model may not be able to do. */
interface Requirement {
  /** In words, after "cannot". */
  readonly what: string;
  /** The request parameter, in OpenAI's terms, that asks for it. */
  readonly param: string;
  readonly asked: (generation: Generation) => boolean;
  readonly able: (capabilities: Capabilities) => boolean;
}

const requirements: readonly Requirement[] = [
  {
    what: "call tools",
    param: "tools",
    asked: ({ tools, toolChoice }) => tools.length > 0 && toolChoice?.mode !== ToolChoice_Mode.NONE,
    able: ({ tools }) => tools,
  },
  {
    what: "be made to call a tool",
    param: "tool_choice",
    asked: ({ toolChoice }) => toolChoice?.mode === ToolChoice_Mode.REQUIRED,
    able: ({ forcedToolChoice }) => forcedToolChoice,
  },
  {
    what: "be held to JSON",
    param: "response_format",
    asked: ({ outputFormat }) => outputFormat?.format.case === "jsonObject",
    able: ({ jsonObject }) => jsonObject,
  },
  {
    what: "be held to a JSON schema",
    param: "response_format",
    asked: ({ outputFormat }) => outputFormat?.format.case === "jsonSchema",
    able: ({ jsonSchema }) => jsonSchema,
  },
  {
    what: "tell log probabilities",
    param: "logprobs",
    asked: ({ logprobs }) => logprobs !== undefined,
    able: ({ logprobs }) => logprobs,
  },
  {
    what: "see pictures",
    param: "messages",
    asked: ({ messages }) => messages.some(({ parts }) => parts.some(({ part }) => part.case === "image")),
    able: ({ vision }) => vision,
  },
  {
    what: "take biases on tokens",
    param: "logit_bias",
    asked: ({ sampling }) => sampling !== undefined && Object.keys(sampling.logitBias).length > 0,
    able: ({ logitBias }) => logitBias,
  },
  {
    what: "go on from a raw prompt",
    param: "prompt",
    asked: ({ rawPrompt }) => rawPrompt !== undefined,
    able: ({ rawPrompt }) => rawPrompt,
  },
  {
    what: "turn text into embeddings",
    param: "model",
    asked: ({ embedding }) => embedding !== undefined,
    able: ({ embeddings }) => embeddings,
  },
];

/**
 * Throws `invalid_request`, naming the parameter, when the generation asks for what the model cannot do here;
 * and `engine_failed`, which another node may do better, when it is to be continued and cannot be.
 */
export function refuseUnable(generation: Generation, served: ServedModel): void {
  const capabilities = served.capabilities ?? noCapabilities;
  for (const { what, param, asked, able } of requirements)
    if (asked(generation) && !able(capabilities))
      throw new MeshError(
        "invalid_request",
        `\`${served.model}\` cannot ${what} on this node. Leave \`${param}\` out or choose another model.`,
        { param },
      );
  if (!canResume(generation, served, capabilities))
    throw new MeshError(
      "engine_failed",
      `This node cannot continue an answer of \`${served.model}\` that another node has begun.`,
    );
}

/**
 * From token ids where it says so, and there from text in any form; from free text by all that can. With a
 * fingerprint, only where it is the same.
 */
function canResume(generation: Generation, served: ServedModel, { resume }: Capabilities): boolean {
  const point = generation.resume;
  if (point === undefined) return true;
  if (point.fingerprint !== "" && point.fingerprint !== served.fingerprint) return false;
  if (point.tokenIds.length > 0) return resume === Capabilities_Resume.TOKENS;
  if (point.text === "" || resume === Capabilities_Resume.TOKENS) return true;
  return resume === Capabilities_Resume.TEXT && isFree(generation);
}

/** Whether an answer is text without a form that its beginning would have a part in. */
const isFree = ({ outputFormat, toolChoice, rawPrompt }: Generation): boolean =>
  outputFormat?.format.case === undefined &&
  toolChoice?.mode !== ToolChoice_Mode.REQUIRED &&
  rawPrompt?.prompt.case !== "tokens";

const noCapabilities: Capabilities = {
  $typeName: "cxmpute.registry.v1.Capabilities",
  tools: false,
  forcedToolChoice: false,
  jsonObject: false,
  jsonSchema: false,
  logprobs: false,
  seed: false,
  vision: false,
  logitBias: false,
  resume: Capabilities_Resume.NONE,
  rawPrompt: false,
  embeddings: false,
};
