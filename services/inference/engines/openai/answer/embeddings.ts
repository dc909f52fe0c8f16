import { count, list, members } from "../../upstream/json.ts";

/** Vectors in the order of the inputs. */
export interface Embeddings {
  readonly vectors: readonly number[][];
  /** Undefined when the server does not report it. */
  readonly promptTokens: number | undefined;
}

/** Reads the answer of `/embeddings`; undefined unless it has one vector of the same size for each input. */
export function readEmbeddings(value: unknown, inputs: number): Embeddings | undefined {
  const { data, usage } = members(value);
  const vectors: number[][] = [];
  for (const [position, item] of list(data).entries()) {
    const { index, embedding } = members(item);
    const numbers = toNumbers(embedding);
    if (numbers === undefined) return undefined;
    vectors[typeof index === "number" ? index : position] = numbers;
  }
  const size = vectors[0]?.length;
  const isComplete =
    vectors.length === inputs && Array.from(vectors).every((vector) => vector?.length === size);
  return isComplete ? { vectors, promptTokens: count(members(usage).prompt_tokens) } : undefined;
}

/** A list of numbers, or 32-bit floats in base64. */
function toNumbers(embedding: unknown): number[] | undefined {
  if (typeof embedding === "string") {
    const bytes = Buffer.from(embedding, "base64");
    if (bytes.length % 4 !== 0) return undefined;
    return toNumbers(Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4)));
  }
  // llama-server nests the vector of a pooled input.
  const [first] = list(embedding);
  if (Array.isArray(first) && list(embedding).length === 1) return toNumbers(first);
  const numbers = list(embedding);
  return numbers.length > 0 &&
    numbers.every((number) => typeof number === "number" && Number.isFinite(number))
    ? (numbers as number[])
    : undefined;
}
