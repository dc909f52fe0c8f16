import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CapabilityName, capabilityNames } from "../../../core/generation/capabilities.ts";
import {
  type GenerationSchema,
  Role,
  ToolChoice_Mode,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

type GenerationInit = Exclude<MessageInitShape<typeof GenerationSchema>, { $typeName: string }>;

const tool = { name: "f" };
const format = (value: NonNullable<GenerationInit["outputFormat"]>["format"]): GenerationInit =>
  value === undefined ? {} : { outputFormat: { format: value } };

/** What a generation asks for when it cannot do without a capability, by the capability's name in the protos. */
const askingFor = {
  tools: { tools: [tool] },
  forced_tool_choice: { tools: [tool], toolChoice: { mode: ToolChoice_Mode.REQUIRED } },
  json_object: format({ case: "jsonObject", value: {} }),
  json_schema: format({ case: "jsonSchema", value: { name: "n", schemaJson: "{}", strict: true } }),
  logprobs: { logprobs: { top: 1 } },
  vision: {
    messages: [{ role: Role.USER, parts: [{ part: { case: "image", value: { mimeType: "image/png" } } }] }],
  },
  logit_bias: { sampling: { logitBias: { 0: 1 } } },
  raw_prompt: { rawPrompt: { prompt: { case: "text", value: "x" } } },
  embeddings: { embedding: { inputs: [{ prompt: { case: "text", value: "x" } }] } },
} as const satisfies Record<CapabilityName, GenerationInit>;

/** A generation that cannot do without any of these; of two forms of an answer the last one counts. */
export const toGenerationInit = (wanted: readonly CapabilityName[]): GenerationInit =>
  Object.assign({}, ...wanted.toSorted(byStrength).map((need) => askingFor[need]));

/** Being forced to call a tool says more than having tools, so it comes last. */
const byStrength = (a: CapabilityName, b: CapabilityName): number =>
  capabilityNames.indexOf(a) - capabilityNames.indexOf(b);
