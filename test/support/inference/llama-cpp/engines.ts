import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import {
  GenerationSchema,
  MessageSchema,
  Role,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Engine } from "../../../../services/inference/engine.ts";
import { openModelFile } from "../../../../services/inference/engines/llama-cpp/gguf/model-file.ts";
import { Vocabulary } from "../../../../services/inference/engines/llama-cpp/vocabulary.ts";
import { type Transcript, transcribe } from "../../../../services/inference/transcript.ts";
import type { GenerationInit } from "../fake-engine.ts";
import { type GgufContent, writeGguf } from "./write-gguf.ts";

/** The starter model. */
export const starterPath = fileURLToPath(new URL("../../../../models/starter.gguf", import.meta.url));

/** The vocabulary of the starter model. */
export async function starterVocabulary(): Promise<Vocabulary> {
  const { header } = await openModelFile(starterPath, never);
  return new Vocabulary(header.metadata);
}

/** A signal that never aborts. */
export const never = new AbortController().signal;

let generations = 0;

/** A generation with a unique id; by default at temperature 0 and of at most 200 tokens. */
export const toGeneration = (init: GenerationInit) =>
  create(GenerationSchema, {
    id: `test-${++generations}`,
    model: "starter",
    ...init,
    sampling: { temperature: 0, ...init.sampling },
    limits: { maxTokens: 200, ...init.limits },
  });

/** A turn of text. */
export const says = (role: Role, text: string) =>
  create(MessageSchema, { role, parts: [{ part: { case: "text", value: text } }] });

/** A conversation of one question. */
export const asks = (text: string) => [says(Role.USER, text)];

/** The whole answer of an engine. */
export const answerOf = (engine: Engine, init: GenerationInit): Promise<Transcript> =>
  transcribe(engine.generate(toGeneration(init), never));

/** Processes items, at most `width` at a time; results in order. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const runOne = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++)
      results[index] = await work(items[index]!, index);
  };
  await Promise.all(Array.from({ length: width }, runOne));
  return results;
}

/** Repeatable numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Calls `use` with a temporary file of these bytes. */
export async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "cxmpute-model-"));
  try {
    const path = join(folder, "model.gguf");
    await writeFile(path, bytes);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Calls `use` with a temporary model file. */
export const withModel = <T>(content: GgufContent, use: (path: string) => Promise<T>): Promise<T> =>
  withFile(writeGguf(content), use);
