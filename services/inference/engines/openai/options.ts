import { z } from "zod";
import { keyText } from "../../../../core/config/key-text.ts";
import { common, type EngineSettings, toShape } from "../engine-settings.ts";

/** The settings of the engine `openai`. */
export const openAiSettings = {
  url: common.url,
  engineKey: {
    schema: keyText,
    placeholder: "KEY",
    secret: true,
    help: "the key that the server asks for.",
  },
  only: common.only,
  slots: common.slots,
  contextSize: common.contextSize,
} satisfies EngineSettings;

const { engineKey, ...shape } = toShape(openAiSettings);

/** What the engine `openai` can be told: to `url`, /v1 is added when it has no path. */
export const openAiOptionsSchema = z.strictObject({
  ...shape,
  url: common.url.schema,
  apiKey: engineKey,
  only: common.only.schema.min(1).exactOptional(),
});

/** What the engine `openai` is told. */
export type OpenAiOptions = z.infer<typeof openAiOptionsSchema>;

/** Options from the values of settings: to the engine the key is the server's API key. */
export const fromSettings = ({ engineKey: apiKey, ...rest }: Readonly<Record<string, unknown>>) => ({
  ...rest,
  apiKey,
});
