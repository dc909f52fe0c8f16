import { z } from "zod";
import { isJsonObject, parseJson } from "../../../../core/json.ts";
import { common, type EngineSettings } from "../engine-settings.ts";

/** Share of the generations that a fault strikes, by the engine's seeded randomness. */
const rate = z.number().min(0).max(1).default(1);

/** Strikes after this many tokens; spares answers continued there, so a request's fault strikes once. */
const afterTokens = z.int().min(0).default(0);

/**
 * A failure on purpose:
 *
 *     refuse  throws `saturated` before `started`
 *     fail    throws `engine_failed`
 *     hang    falls silent until aborted; the process stays alive
 *     stall   gives signs of life and nothing else, until aborted
 *     die     ends the process at once
 *     slow    takes `factor` times as long for everything
 */
export const faultSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("refuse"), rate }),
  z.strictObject({ kind: z.enum(["fail", "hang", "stall", "die"]), afterTokens, rate }),
  z.strictObject({ kind: z.literal("slow"), factor: z.number().min(1).max(10_000), rate }),
]);

/** See `faultSchema`. */
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
  /** Tokens of reasoning before an answer; none for a request that wants none, or has a raw prompt. */
  thoughtTokens: z.int().min(0).max(1_000_000),
  /** Whether it takes images; each counts as one token. */
  vision: z.boolean(),
  /** Whether it continues answers that another node has started, or claims that it cannot. */
  resume: z.enum(["none", "tokens"]),
  /** For every generation. */
  faults: z.array(faultSchema),
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
  /** More models by name, each with its differences from the first. */
  models: z.record(z.string().min(1), z.strictObject(modelOptions).partial()).default({}),
  /** Decides which generations faults strike, and random arrivals. */
  randomSeed: z.int().default(1),
});

export type SyntheticOptions = z.infer<typeof syntheticOptionsSchema>;

/** In `chat_template_kwargs`: `{"synthetic": {"faults": [{"kind": "fail", "afterTokens": 5}]}}`. */
export const requestOptionsSchema = z.object(
  { synthetic: z.strictObject({ faults: z.array(faultSchema).default([]) }).optional() },
  { error: "it must be one JSON object" },
);
