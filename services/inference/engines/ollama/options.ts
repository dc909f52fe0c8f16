import { z } from "zod";
import { common, type EngineSettings, toShape } from "../engine-settings.ts";

/** Go's durations: Ollama refuses requests with anything else. */
const goDuration = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;

export const ollamaSettings = {
  url: common.url,
  only: common.only,
  slots: common.slots,
  contextSize: common.contextSize,
} satisfies EngineSettings;

/** Options of the Ollama engine; `llama3.1` in `only` is `llama3.1:latest`. */
export const ollamaOptionsSchema = z.strictObject({
  ...toShape(ollamaSettings),
  url: common.url.schema.default("http://127.0.0.1:11434"),
  // The default of OLLAMA_NUM_PARALLEL, which Ollama does not report.
  slots: common.slots.schema.default(1),
  keepAlive: z
    .union([
      z.string().regex(goDuration, "expected a time such as `30m`, `1h30m` or `-1s`, or a number of seconds"),
      z.number(),
    ])
    .exactOptional()
    .describe(
      "How long Ollama keeps a model loaded after an answer, such as `10m`, or seconds as a number; below 0 is forever.",
    ),
});

/** Options before defaults. */
export type OllamaOptions = z.input<typeof ollamaOptionsSchema>;
