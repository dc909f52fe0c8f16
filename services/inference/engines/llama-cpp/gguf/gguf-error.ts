/** A file that is no GGUF model, or a damaged one. The message completes the sentence "the file …". */
export class GgufError extends Error {
  override readonly name = "GgufError";
}
