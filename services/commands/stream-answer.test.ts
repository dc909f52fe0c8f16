import { expect, test } from "vitest";
import { type Piece, readPieces } from "./chat.ts";

async function read(...texts: string[]): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const piece of readPieces(ReadableStream.from(texts))) pieces.push(piece);
  return pieces;
}

const chunk = (delta: object) => `data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`;

test("an answer comes piece by piece, wherever the stream is cut", async () => {
  const whole = `: waiting\n\n${chunk({ role: "assistant", content: "" })}${chunk({ reasoning_content: "Hm." })}${chunk({ content: "Hello" })}${chunk({ content: " you" })}data: {"choices":[]}\n\ndata: [DONE]\n\n`;
  const pieces = [
    { kind: "reasoning", text: "Hm." },
    { kind: "text", text: "Hello" },
    { kind: "text", text: " you" },
  ];
  expect(await read(whole)).toEqual(pieces);
  expect(await read(...whole)).toEqual(pieces);
  expect(await read(whole.replaceAll("\n", "\r\n"))).toEqual(pieces);
});

test("an error in the stream is told as a fault", async () => {
  const failing = read(chunk({ content: "Hel" }), 'data: {"error":{"message":"The node went away."}}\n\n');
  await expect(failing).rejects.toThrow("the answer stopped: The node went away.");
});

test("a stream that ends before its answer is a fault", async () => {
  await expect(read(chunk({ content: "Hel" }))).rejects.toThrow("the answer is incomplete");
});
