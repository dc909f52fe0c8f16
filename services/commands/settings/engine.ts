import { z } from "zod";
import { starterModel } from "../places.ts";
import { setting } from "./parts.ts";

/** Which engine answers, and how it is set up. */
export const engine = {
  engine: setting({
    schema: z.enum(["llama-cpp", "synthetic"]),
    default: "llama-cpp",
    placeholder: "NAME",
    help: "What computes tokens: llama-cpp runs a GGUF file, synthetic makes text up for load tests.",
  }),
  model: setting({
    schema: z.string().min(1).describe("a GGUF file").optional(),
    placeholder: "PATH",
    help: `The GGUF file to serve; default: ${starterModel}. For synthetic, the name to serve under.`,
  }),
  modelName: setting({
    schema: z.string().min(1).describe("a name").optional(),
    placeholder: "NAME",
    help: "llama-cpp: the name to serve under; default: the file's, without .gguf.",
  }),
  slots: setting({
    schema: z.int().min(1).max(65_536).optional(),
    placeholder: "N",
    help: "How many generations run at the same time; default: what suits engine and memory.",
  }),
  contextSize: setting({
    schema: z.int().min(16).optional(),
    placeholder: "N",
    help: "How many tokens prompt and answer may have together; default: what suits engine and model.",
  }),
  threads: setting({
    schema: z.int().min(1).max(1024).optional(),
    placeholder: "N",
    help: "llama-cpp: threads that compute; no more than there are idle cores.",
  }),
  tokensPerSecond: setting({
    schema: z.number().min(0).max(100_000).optional(),
    placeholder: "N",
    help: "synthetic: the pace of each generation; 0 is as fast as it is read.",
  }),
  firstTokenMs: setting({
    schema: z.number().min(0).max(600_000).optional(),
    placeholder: "N",
    help: "synthetic: how long the first token takes.",
  }),
  arrivals: setting({
    schema: z.enum(["aligned", "random"]).optional(),
    placeholder: "HOW",
    help: "synthetic: aligned, all tokens on one beat, or random.",
  }),
  answerTokens: setting({
    schema: z.int().min(1).max(1_000_000).optional(),
    placeholder: "N",
    help: "synthetic: the length of an answer that nothing else ends.",
  }),
};

/** Settings that only one engine understands; with another they would be ignored, so they are refused. */
const onlyFor = {
  modelName: "llama-cpp",
  threads: "llama-cpp",
  tokensPerSecond: "synthetic",
  firstTokenMs: "synthetic",
  arrivals: "synthetic",
  answerTokens: "synthetic",
} as const;
type EngineSpecific = keyof typeof onlyFor;

export function checkEngine(
  values: { readonly engine: string },
  report: (key: EngineSpecific, message: string) => void,
  given: (key: EngineSpecific) => boolean,
): void {
  for (const [key, owner] of Object.entries(onlyFor) as [EngineSpecific, string][])
    if (given(key) && owner !== values.engine)
      report(key, `only --engine ${owner} understands this, and the engine is ${values.engine}`);
}
