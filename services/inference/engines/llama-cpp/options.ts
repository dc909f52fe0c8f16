import { z } from "zod";
import { common, type EngineSettings, toShape } from "../engine-settings.ts";

/** The settings of the embedded engine. */
export const llamaCppSettings = {
  model: {
    schema: z.string().min(1).describe("a GGUF file"),
    placeholder: "PATH",
    help: "the GGUF file to serve; default: the starter model that comes with the program.",
  },
  modelName: {
    schema: z.string().min(1).describe("a name"),
    placeholder: "NAME",
    help: "the name to serve under; default: the catalogue's, or the file's without .gguf.",
  },
  slots: common.slots,
  contextSize: common.contextSize,
  threads: {
    schema: z.int().min(1).max(1024),
    placeholder: "N",
    help: "compute threads; use no more than there are idle cores.",
  },
} satisfies EngineSettings;

/** The options of the embedded engine. */
export const llamaCppOptionsSchema = z.strictObject({
  ...toShape(llamaCppSettings),
  model: llamaCppSettings.model.schema,
});
