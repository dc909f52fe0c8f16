import { z } from "zod";

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
    "Strikes once the answer has so many tokens; 0 is before the first. An answer that is continued from there on is spared, so that a fault that travels with a request strikes once.",
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

/** What a model does, without defaults. */
const knobs = {
  slots: z.int().min(1).max(100_000).describe("Generations at the same time."),
  tokensPerSecond: z
    .number()
    .min(0)
    .max(100_000)
    .describe("Pace of each generation; 0 is as fast as it is read."),
  firstTokenMs: z.number().min(0).max(600_000).describe("Milliseconds before the first token."),
  arrivals: z
    .enum(["aligned", "random"])
    .describe(
      "Whether the tokens of all generations come at the same moments (one beat for all, the hardest on whoever batches least) or each generation keeps its own.",
    ),
  thoughtTokens: z
    .int()
    .min(0)
    .max(1_000_000)
    .describe(
      "Tokens of thoughts before an answer; none for a request that wants none, or has a raw prompt.",
    ),
  answerTokens: z.int().min(1).max(1_000_000).describe("Tokens after which an answer ends of itself."),
  contextLength: z.int().min(16).describe("Tokens of prompt and answer together."),
  vision: z.boolean().describe("Whether it takes pictures; each counts as one token."),
  resume: z
    .enum(["none", "tokens"])
    .describe("Whether it goes on with answers that another node has begun, or claims that it cannot."),
  faults: z.array(faultSchema).describe("Failures on purpose, for every generation."),
};

/** What a model does. */
export const modelOptionsSchema = z.object({
  slots: knobs.slots.default(16),
  tokensPerSecond: knobs.tokensPerSecond.default(50),
  firstTokenMs: knobs.firstTokenMs.default(0),
  arrivals: knobs.arrivals.default("random"),
  thoughtTokens: knobs.thoughtTokens.default(0),
  answerTokens: knobs.answerTokens.default(128),
  contextLength: knobs.contextLength.default(131_072),
  vision: knobs.vision.default(false),
  resume: knobs.resume.default("tokens"),
  faults: knobs.faults.default([]),
});

/** What a model does. */
export type ModelOptions = z.infer<typeof modelOptionsSchema>;

/** What the synthetic engine can be told. */
export const syntheticOptionsSchema = z.strictObject({
  ...modelOptionsSchema.shape,
  model: z.string().min(1).default("synthetic").describe("Name under which it serves."),
  models: z
    .record(z.string().min(1), z.strictObject(knobs).partial())
    .default({})
    .describe("More models by name, each with what it does in another way than the first."),
  randomSeed: z.int().default(1).describe("Seeds which generations faults strike, and random arrivals."),
});

/** What the synthetic engine is told, complete. */
export type SyntheticOptions = z.infer<typeof syntheticOptionsSchema>;

/**
 * What one request may tell it, under the key `synthetic` of `chat_template_kwargs`, which engines that know no
 * templates ignore: `{"synthetic": {"faults": [{"kind": "fail", "afterTokens": 5}]}}`.
 */
export const requestOptionsSchema = z.object({
  synthetic: z.strictObject({ faults: z.array(faultSchema).default([]) }).optional(),
});
