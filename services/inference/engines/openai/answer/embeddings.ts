import { list, members } from "../../upstream/json.ts";

/** The vectors under `data`, in the order of the inputs; undefined unless each input has one, all of the same size. */
export function readVectors(data: unknown, inputs: number): number[][] | undefined {
  const vectors: (number[] | undefined)[] = [];
  for (const [position, item] of list(data).entries()) {
    const { index, embedding } = members(item);
    vectors[typeof index === "number" ? index : position] = toNumbers(embedding);
  }
  if (vectors.length !== inputs) return undefined;
  const whole = Array.from(vectors).filter((vector) => vector !== undefined);
  return whole.length === inputs && whole.every(({ length }) => length === whole[0]?.length)
    ? whole
    : undefined;
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
