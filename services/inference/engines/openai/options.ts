import { z } from "zod";

/** What the engine `openai` can be told. */
export const openAiOptionsSchema = z.strictObject({
  url: z
    .string()
    .min(1)
    .describe("Where the server is, such as http://127.0.0.1:8000; /v1 is added when there is no path."),
  apiKey: z.string().min(1).exactOptional().describe("The key that the server asks for."),
  only: z
    .array(z.string().min(1))
    .min(1)
    .exactOptional()
    .describe("The server's names of the models to serve; default: all that it lists."),
  slots: z.int().min(1).max(65_536).exactOptional().describe("Generations at the same time, for each model."),
  contextSize: z
    .int()
    .min(16)
    .exactOptional()
    .describe("Tokens of prompt and answer together, for a server that does not tell."),
});

/** What the engine `openai` is told. */
export type OpenAiOptions = z.infer<typeof openAiOptionsSchema>;
