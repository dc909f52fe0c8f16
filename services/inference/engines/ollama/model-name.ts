/**
 * Whether Ollama's name of a model is the one that is asked for. Ollama shows names without what they have by
 * default and takes them with it too (types/model/name.go, `DisplayShortest`): a model without a tag is `latest`, one without
 * a namespace is `library/…`, one without a host is of registry.ollama.ai; case does not matter.
 *
 *     llama3.1                                 →  llama3.1:latest
 *     registry.ollama.ai/library/llama3.1:8b   →  llama3.1:8b
 *     hf.co/acme/Model-GGUF:q4_k_m             →  hf.co/acme/Model-GGUF:Q4_K_M
 */
export const isNamed = (name: string, asked: string): boolean => toShortName(name) === toShortName(asked);

function toShortName(name: string): string {
  const short = name
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, "")
    .replace(/^registry\.ollama\.ai\//, "")
    .replace(/^library\/(?=[^/]+$)/, "");
  return /:[^/]*$/.test(short) ? short : `${short}:latest`;
}
