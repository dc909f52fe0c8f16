import { z } from "zod";
import { keyText } from "../../../../core/config/key-text.ts";
import { common, type EngineSettings, toShape } from "../engine-settings.ts";

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

/** Options of the engine `openai`; `/v1` is added to a `url` without path. */
export const openAiOptionsSchema = z.strictObject({
  ...shape,
  url: common.url.schema,
  apiKey: engineKey,
  only: common.only.schema.min(1).exactOptional(),
});

/** Options after validation. */
export type OpenAiOptions = z.infer<typeof openAiOptionsSchema>;

/** Options from settings, where the API key is called `engineKey`. */
export const fromSettings = ({ engineKey: apiKey, ...rest }: Readonly<Record<string, unknown>>) => ({
  ...rest,
  apiKey,
});
