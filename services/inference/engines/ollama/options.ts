import { z } from "zod";
import { common, type EngineSettings, toShape } from "../engine-settings.ts";

/** What Go reads as a duration. Ollama refuses whole requests for anything else, which no caller could fix. */
const goDuration = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;

/** The settings of the Ollama engine. */
export const ollamaSettings = {
  url: common.url,
  only: common.only,
  slots: common.slots,
  contextSize: common.contextSize,
} satisfies EngineSettings;

/** What the Ollama engine can be told; `llama3.1` in `only` is `llama3.1:latest`. */
export const ollamaOptionsSchema = z.strictObject({
  ...toShape(ollamaSettings),
  url: common.url.schema.default("http://127.0.0.1:11434"),
  // What OLLAMA_NUM_PARALLEL says, which is 1 unless it is set, and which Ollama does not report.
  slots: common.slots.schema.default(1),
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
