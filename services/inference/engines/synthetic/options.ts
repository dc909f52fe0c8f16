import { z } from "zod";
import { isJsonObject, parseJson } from "../../../../core/json.ts";
import { common, type EngineSettings } from "../engine-settings.ts";

const rate = z
  .number()
  .min(0)
  .max(1)
  .default(1)
  .describe("Fraction of generations that it strikes, by the engine's seeded randomness.");

const afterTokens = z
  .int()
  .min(0)
  .default(0)
  .describe(
    "Strikes once the answer has this many tokens; 0 is before the first. Answers continued from there are spared, so that a fault in a request strikes once.",
  );

/** A failure on purpose. */
export const faultSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("refuse"), rate }).describe("Throws `saturated` before `started`."),
  z.strictObject({ kind: z.literal("fail"), afterTokens, rate }).describe("Throws `engine_failed`."),
  z
    .strictObject({ kind: z.literal("hang"), afterTokens, rate })
    .describe("Falls silent until aborted; the process stays alive."),
  z
    .strictObject({ kind: z.literal("stall"), afterTokens, rate })
    .describe("Gives signs of life and nothing else, until aborted."),
  z.strictObject({ kind: z.literal("die"), afterTokens, rate }).describe("Ends the process at once."),
  z
    .strictObject({ kind: z.literal("slow"), factor: z.number().min(1).max(10_000), rate })
    .describe("Takes `factor` times as long for everything."),
]);

/** A failure on purpose. */
export type Fault = z.infer<typeof faultSchema>;

export const syntheticSettings = {
  model: {
    schema: z.string().min(1).describe("a name"),
    placeholder: "NAME",
    help: "the name to serve under.",
  },
  slots: common.slots,
  contextSize: common.contextSize,
  tokensPerSecond: {
    schema: z.number().min(0).max(100_000),
    placeholder: "N",
    help: "the pace of each generation; 0 is as fast as it is read.",
  },
  firstTokenMs: {
    schema: z.number().min(0).max(600_000),
    placeholder: "N",
    help: "how long the first token takes.",
  },
  arrivals: {
    // Aligned tokens are hardest on consumers that batch little.
    schema: z.enum(["aligned", "random"]),
    placeholder: "HOW",
    help: "aligned (all streams in the same tick) or random.",
  },
  answerTokens: {
    schema: z.int().min(1).max(1_000_000),
    placeholder: "N",
    help: "the length of an answer that nothing ends earlier.",
  },
  syntheticModels: {
    schema: z
      .string()
      .refine((text) => isJsonObject(parseJson(text)), "expected a JSON object")
      .describe("a JSON object"),
    placeholder: "JSON",
    help: 'more models, each with its differences from the first, such as {"broken":{"faults":[{"kind":"fail"}]}}.',
  },
} satisfies EngineSettings;

/** The options that settings describe. */
export const fromSettings = ({
  contextSize: contextLength,
  syntheticModels,
  ...rest
}: Readonly<Record<string, unknown>>) => ({
  ...rest,
  contextLength,
  models: typeof syntheticModels === "string" ? JSON.parse(syntheticModels) : undefined,
});

const { slots, contextSize, tokensPerSecond, firstTokenMs, arrivals, answerTokens } = syntheticSettings;

const modelOptions = {
  slots: slots.schema,
  tokensPerSecond: tokensPerSecond.schema,
  firstTokenMs: firstTokenMs.schema,
  arrivals: arrivals.schema,
  answerTokens: answerTokens.schema,
  contextLength: contextSize.schema,
  thoughtTokens: z
    .int()
    .min(0)
    .max(1_000_000)
    .describe(
      "Tokens of reasoning before an answer; none for a request that wants none, or has a raw prompt.",
    ),
  vision: z.boolean().describe("Whether it takes images; each counts as one token."),
  resume: z
    .enum(["none", "tokens"])
    .describe("Whether it continues answers that another node has started, or claims that it cannot."),
  faults: z.array(faultSchema).describe("Failures on purpose, for every generation."),
};

/** What a model does. */
export const modelOptionsSchema = z.object({
  slots: modelOptions.slots.default(16),
  tokensPerSecond: modelOptions.tokensPerSecond.default(50),
  firstTokenMs: modelOptions.firstTokenMs.default(0),
  arrivals: modelOptions.arrivals.default("random"),
  thoughtTokens: modelOptions.thoughtTokens.default(0),
  answerTokens: modelOptions.answerTokens.default(128),
  contextLength: modelOptions.contextLength.default(131_072),
  vision: modelOptions.vision.default(false),
  resume: modelOptions.resume.default("tokens"),
  faults: modelOptions.faults.default([]),
});

/** What a model does. */
export type ModelOptions = z.infer<typeof modelOptionsSchema>;

export const syntheticOptionsSchema = z.strictObject({
  ...modelOptionsSchema.shape,
  model: syntheticSettings.model.schema.default("synthetic"),
  models: z
    .record(z.string().min(1), z.strictObject(modelOptions).partial())
    .default({})
    .describe("More models by name, each with its differences from the first."),
  randomSeed: z.int().default(1).describe("Seeds which generations faults strike, and random arrivals."),
});

export type SyntheticOptions = z.infer<typeof syntheticOptionsSchema>;

/**
 * Options in a request, under `synthetic` in `chat_template_kwargs`, which other engines ignore:
 * `{"synthetic": {"faults": [{"kind": "fail", "afterTokens": 5}]}}`.
 */
export const requestOptionsSchema = z.object(
  { synthetic: z.strictObject({ faults: z.array(faultSchema).default([]) }).optional() },
  { error: "it must be one JSON object" },
);
