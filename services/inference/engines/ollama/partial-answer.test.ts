import { describe, expect, test } from "vitest";
import { withOpenTurn } from "../upstream/turns.ts";
import type { OllamaMessage } from "./api.ts";
import { cutPartialAnswer } from "./prepare.ts";

test.each([
  { text: "The sky", told: "The sky", space: "" },
  { text: "The sky ", told: "The sky", space: " " },
  { text: "Steps:\n\n  ", told: "Steps:", space: "\n\n  " },
  { text: " \n", told: "", space: " \n" },
  { text: "  indented", told: "  indented", space: "" },
])(
  "tells Ollama of $text without the white space at its end, and of all before it as it stands",
  ({ text, ...cut }) => {
    expect(cutPartialAnswer(text)).toEqual(cut);
  },
);

describe("the turn that is left open", () => {
  const asked: OllamaMessage = { role: "user", content: "Why?" };
  const calls = [{ id: "c", function: { index: 0, name: "f", arguments: {} } }];

  test.each<{ messages: OllamaMessage[]; told: string; last: OllamaMessage; count: number; because: string }>(
    [
      {
        messages: [asked],
        told: "Because",
        last: { role: "assistant", content: "Because" },
        count: 2,
        because: "the answer has begun",
      },
      {
        messages: [asked, { role: "assistant", content: "Well, " }],
        told: "because",
        last: { role: "assistant", content: "Well, because" },
        count: 2,
        because: "the caller had begun it, and two turns would become paragraphs",
      },
      {
        messages: [asked, { role: "assistant", content: "", tool_calls: calls }],
        told: "Because",
        last: { role: "assistant", content: "Because" },
        count: 3,
        because: "a turn with calls is over",
      },
      { messages: [asked], told: "", last: asked, count: 1, because: "there is nothing but white space yet" },
    ],
  )("holds the text: $because", ({ messages, told, last, count }) => {
    const turns = withOpenTurn(messages, told);
    expect([turns.length, turns.at(-1)]).toEqual([count, last]);
  });
});
