import { z } from "zod";

/** What a model can do. What an engine supports of it is probed on the node. */
export const capabilities = ["chat", "tools", "json_schema", "vision", "reasoning", "embeddings"] as const;

/** A capability of a model. */
export type Capability = (typeof capabilities)[number];

const text = z.string().trim().min(1);
const positiveInteger = z.int().positive();
const listOf = <Element extends z.ZodType>(element: Element) => z.array(element).min(1);

/** Such as `8B`, `8x7B` or `1.6T`; `E4B` is as fast as 4B and takes more memory. */
const size = z
  .string()
  .regex(/^(\d+x|E)?\d+(\.\d+)?[MBT]$/, { error: "expected a size such as 8B, 8x7B, 137M, 1.6T or E4B" });

/** Such as `llama3.1:8b`; a family with a single model needs no colon. */
const name = z.string().regex(/^[a-z0-9][a-z0-9.-]*(:[a-z0-9][a-z0-9.-]*)?$/, {
  error: "expected a name such as llama3.1:8b: lower case, the family before the colon",
});

/** An entry of the catalogue file. */
export const entrySchema = z
  .strictObject({
    name,
    size,
    active_size: size.optional(),
    description: text,
    best_for: text,
    context_length: positiveInteger.optional(),
    dimensions: positiveInteger.optional(),
    capabilities: listOf(z.enum(capabilities)),
    names: z.strictObject({
      ollama: listOf(text.regex(/^[^\s:]+:[^\s:]+$/, { error: "expected NAME:TAG" })).optional(),
      hugging_face: listOf(text.regex(/^[^\s/]+\/[^\s/]+$/, { error: "expected OWNER/NAME" })).optional(),
      gguf: listOf(text.regex(/^[^\s/]+$/, { error: "expected a file name without folder" })).optional(),
    }),
  })
  .readonly();

/** A model of the catalogue. */
export interface CatalogueEntry {
  readonly name: string;
  /** Parameters: `8B`, `8x7B`, `137M`. */
  readonly size: string;
  /** Active parameters per token, where that is not all of them. */
  readonly activeSize: string | undefined;
  readonly description: string;
  readonly bestFor: string;
  /** Tokens of prompt and answer together, by the published configuration. */
  readonly contextLength: number | undefined;
  readonly dimensions: number | undefined;
  readonly capabilities: readonly Capability[];
  readonly names: {
    readonly ollama: readonly string[];
    /** Repositories, which vLLM and SGLang serve under their own name. */
    readonly huggingFace: readonly string[];
    /** File names without quantization, part number and `.gguf`. */
    readonly gguf: readonly string[];
  };
}

/** Converts an entry of the file. */
export const toEntry = (entry: z.output<typeof entrySchema>): CatalogueEntry => ({
  name: entry.name,
  size: entry.size,
  activeSize: entry.active_size,
  description: entry.description,
  bestFor: entry.best_for,
  contextLength: entry.context_length,
  dimensions: entry.dimensions,
  capabilities: entry.capabilities,
  names: {
    ollama: entry.names.ollama ?? [],
    huggingFace: entry.names.hugging_face ?? [],
    gguf: entry.names.gguf ?? [],
  },
});
