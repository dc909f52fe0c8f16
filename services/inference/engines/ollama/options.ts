import { z } from "zod";

/** What Go reads as a duration. Ollama refuses whole requests for anything else, which no caller could mend. */
const goDuration = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;

/** What the Ollama engine can be told. */
export const ollamaOptionsSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "expected a URL, such as http://127.0.0.1:11434" })
    .default("http://127.0.0.1:11434")
    .describe("Where Ollama listens."),
  only: z
    .array(z.string().min(1))
    .exactOptional()
    .describe("Serve these models and no others, by Ollama's names; `llama3.1` is `llama3.1:latest`."),
  slots: z
    .int()
    .min(1)
    .max(65_536)
    .default(1)
    .describe(
      "Generations of a model at the same time: what OLLAMA_NUM_PARALLEL says, which is 1 unless it is set and which Ollama tells nobody.",
    ),
  contextSize: z
    .int()
    .min(16)
    .exactOptional()
    .describe("Tokens of prompt and answer together, at most the model's own limit; see `context-size.ts`."),
  keepAlive: z
    .union([
      z.string().regex(goDuration, "expected a time such as `30m`, `1h30m` or `-1s`, or a number of seconds"),
      z.number(),
    ])
    .exactOptional()
    .describe(
      "How long Ollama keeps a model loaded after an answer, such as `10m`, or seconds as a number; below 0 is for ever.",
    ),
});

/** What the Ollama engine can be told, before defaults. */
export type OllamaOptions = z.input<typeof ollamaOptionsSchema>;
