import { z } from "zod";
import type { Setting } from "../../../core/config/settings.ts";

/** One setting of an engine. `schema` is that of a given value; left out, the engine chooses. */
type EngineSetting = Pick<Setting, "schema" | "placeholder" | "help" | "secret">;

export type EngineSettings = Readonly<Record<string, EngineSetting>>;

/** Settings that mean the same to several engines. */
export const common = {
  url: {
    schema: z
      .url({ protocol: /^https?$/, error: "expected a URL, such as http://127.0.0.1:11434" })
      .describe("a URL, such as http://127.0.0.1:11434"),
    placeholder: "URL",
    help: "where the server is, such as http://127.0.0.1:11434.",
  },
  only: {
    schema: z.array(z.string().min(1).describe("a model's name")),
    placeholder: "MODEL",
    help: "serve only this model of the server, by the server's name for it.",
  },
  slots: {
    schema: z.int().min(1).max(65_536),
    placeholder: "N",
    help: "How many generations run at the same time; default: chosen by engine and memory.",
  },
  contextSize: {
    schema: z.int().min(16),
    placeholder: "N",
    help: "How many tokens prompt and answer may have together; default: chosen by engine and model.",
  },
} satisfies EngineSettings;

/** The settings as optional members of an options schema. */
export const toShape = <const S extends EngineSettings>(settings: S) =>
  Object.fromEntries(Object.entries(settings).map(([key, { schema }]) => [key, schema.exactOptional()])) as {
    [Key in keyof S]: z.ZodExactOptional<S[Key]["schema"]>;
  };
