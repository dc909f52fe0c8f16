import { create } from "@bufbuild/protobuf";
import { GenerationSchema, Role } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { readPrompt, tokenAt, tokenTexts } from "../../services/inference/engines/synthetic/text.ts";

/**
 * The tokens of the answer to a prompt, from the first, without end: the synthetic engine's own text, a pure
 * function of the prompt, so that all peers carry the same bytes and every answer can be checked.
 */
export function tokensOf(prompt: string): (index: number) => string {
  const messages = [{ role: Role.USER, parts: [{ part: { case: "text" as const, value: prompt } }] }];
  const { key } = readPrompt(create(GenerationSchema, { messages }));
  return (index) => tokenTexts[tokenAt(key, index)]!;
}

/** The first `count` tokens of the answer to a prompt. */
export function textOf(prompt: string, count: number): string {
  return Array.from({ length: count }, (_, index) => index)
    .map(tokensOf(prompt))
    .join("");
}
