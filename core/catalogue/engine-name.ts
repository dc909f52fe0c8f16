/** What packaging adds to a model's name: quantization, format, part number. */
const packaging = new RegExp(
  `(?:[-._:](?:${[
    "gguf|mlx|awq|gptq|bnb|qat|ud|i1|imat|imatrix|dynamic|latest",
    "int[48]|[2-8]-?bit|fp8|fp16|bf16|f16|f32|nvfp4|mxfp[48]|w\\d+a\\d+",
    "i?q\\d(?:_[0-9a-z]+)*|tq\\d_\\d",
    "\\d{5}-of-\\d{5}",
  ].join("|")}))+$`,
  "i",
);

/** The publisher before a file's name: `google_gemma-3-4b-it`. */
const publisher = /^[a-z][a-z-]*_(?=[a-z])/i;

/**
 * The names that an engine's own name may stand for, most literal first: unchanged, without folder or owner, without
 * packaging, and without publisher.
 *
 *     /models/google_gemma-3-4b-it-Q4_K_M.gguf  →  google_gemma-3-4b-it  →  gemma-3-4b-it
 *     hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M        →  Qwen3-8B
 *     llama3.1:8b-instruct-q8_0                 →  llama3.1:8b-instruct
 *
 * A tag in a user's namespace, `someone/llama3.1:8b`, may be any model, and stays as it is.
 */
export function variantsOf(engineName: string): string[] {
  const own = engineName.trim().replace(/^(registry\.ollama\.ai\/)?library\//, "");
  const file = own.split(/[/\\]/).at(-1) ?? own;
  const bare = file.replace(packaging, "");
  const names = [file, bare, bare.replace(publisher, "")];
  return [...new Set([own, own.replace(packaging, ""), ...names.filter((name) => !isTagOfOwner(name, own))])];
}

/** Whether a name is a tag from a namespace. */
const isTagOfOwner = (name: string, own: string): boolean => own.includes("/") && name.includes(":");

/** What comes before the colon of a canonical name or of Ollama's. */
export const familyOf = (name: string): string => name.split(":")[0] ?? name;
