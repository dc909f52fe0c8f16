import { z } from "zod";
import { starterModel } from "../places.ts";
import { keyText, setting } from "./parts.ts";

/** What computes tokens: in this process, beside it, or made up. */
export const engineNames = ["llama-cpp", "ollama", "openai", "synthetic"] as const;

/** One of them. */
export type EngineName = (typeof engineNames)[number];

const engineHelp =
  "What computes tokens: llama-cpp runs a GGUF file here, ollama and openai are servers at --url, synthetic makes text up for load tests";

/** How an engine is set up, whichever it is. */
const options = {
  url: setting({
    schema: z
      .url({ protocol: /^https?$/ })
      .describe("a URL, such as http://127.0.0.1:11434")
      .optional(),
    placeholder: "URL",
    help: "ollama, openai: where the server is, such as http://127.0.0.1:11434.",
  }),
  engineKey: setting({
    schema: keyText.optional(),
    placeholder: "KEY",
    secret: true,
    help: "openai: the key that the server asks for.",
  }),
  only: setting({
    schema: z.array(z.string().min(1).describe("a model's name")),
    default: [],
    placeholder: "MODEL",
    help: "ollama, openai: serve this model of the server and no other, by the server's name for it.",
  }),
  model: setting({
    schema: z.string().min(1).describe("a GGUF file").optional(),
    placeholder: "PATH",
    help: `The GGUF file to serve; default: ${starterModel}. For synthetic, the name to serve under.`,
  }),
  modelName: setting({
    schema: z.string().min(1).describe("a name").optional(),
    placeholder: "NAME",
    help: "llama-cpp: the name to serve under; default: the catalogue's, or the file's without .gguf.",
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
  syntheticModels: setting({
    schema: z.string().refine(isJsonObject, "expected a JSON object").describe("a JSON object").optional(),
    placeholder: "JSON",
    help: 'synthetic: more models, each with what it does in another way, such as {"broken":{"faults":[{"kind":"fail"}]}}.',
  }),
};

/** The engine of a mesh in one process: the embedded one unless somebody says otherwise. */
export const engine = {
  engine: setting({
    schema: z.enum(engineNames),
    default: "llama-cpp",
    placeholder: "NAME",
    help: `${engineHelp}.`,
  }),
  ...options,
};

/** The engines of a node: those that are found, unless somebody names one. */
export const engines = {
  engine: setting({
    schema: z.enum(engineNames).optional(),
    placeholder: "NAME",
    help: `${engineHelp}; default: whatever runs on this machine.`,
  }),
  ...options,
};

/** Settings that not every engine understands; with another they would be ignored, so they are refused. */
const onlyFor = {
  url: ["ollama", "openai"],
  engineKey: ["openai"],
  only: ["ollama", "openai"],
  model: ["llama-cpp", "synthetic"],
  modelName: ["llama-cpp"],
  threads: ["llama-cpp"],
  tokensPerSecond: ["synthetic"],
  firstTokenMs: ["synthetic"],
  arrivals: ["synthetic"],
  answerTokens: ["synthetic"],
  syntheticModels: ["synthetic"],
} as const satisfies Record<string, readonly EngineName[]>;
export type EngineSpecific = keyof typeof onlyFor;

/** Reports what the engine in question does not understand. */
export function checkEngine(
  engine: EngineName,
  values: { readonly only: readonly string[] },
  report: (key: EngineSpecific, message: string) => void,
  isSet: (key: EngineSpecific) => boolean,
): void {
  // A file that says "none" of a list says nothing.
  const given = (key: EngineSpecific) => isSet(key) && (key !== "only" || values.only.length > 0);
  for (const [key, owners] of Object.entries(onlyFor) as [EngineSpecific, readonly EngineName[]][])
    if (given(key) && !owners.includes(engine))
      report(key, `only --engine ${owners.join(" or ")} understands this, and the engine is ${engine}`);
  if (engine === "openai" && !given("url"))
    report("url", "required with --engine openai: where the server is, such as http://127.0.0.1:8000");
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
