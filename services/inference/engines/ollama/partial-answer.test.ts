import { describe, expect, test } from "vitest";
import { withOpenTurn } from "../upstream/turns.ts";
import type { OllamaMessage } from "./api.ts";
import { cutPartialAnswer } from "./prepare.ts";

test.each([
  { text: "The sky", sent: "The sky", space: "" },
  { text: "The sky ", sent: "The sky", space: " " },
  { text: "Steps:\n\n  ", sent: "Steps:", space: "\n\n  " },
  { text: " \n", sent: "", space: " \n" },
  { text: "  indented", sent: "  indented", space: "" },
])(
  "gives Ollama $text without the white space at its end, and of all before it as it stands",
  ({ text, ...cut }) => {
    expect(cutPartialAnswer(text)).toEqual(cut);
  },
);

describe("the turn that is left open", () => {
  const asked: OllamaMessage = { role: "user", content: "Why?" };
  const calls = [{ id: "c", function: { index: 0, name: "f", arguments: {} } }];

  test.each<{ messages: OllamaMessage[]; sent: string; last: OllamaMessage; count: number; because: string }>(
    [
      {
        messages: [asked],
        sent: "Because",
        last: { role: "assistant", content: "Because" },
        count: 2,
        because: "the answer has begun",
      },
      {
        messages: [asked, { role: "assistant", content: "Well, " }],
        sent: "because",
        last: { role: "assistant", content: "Well, because" },
        count: 2,
        because: "the caller had begun it, and two turns would become paragraphs",
      },
      {
        messages: [asked, { role: "assistant", content: "", tool_calls: calls }],
        sent: "Because",
        last: { role: "assistant", content: "Because" },
        count: 3,
        because: "a turn with calls is over",
      },
      { messages: [asked], sent: "", last: asked, count: 1, because: "there is nothing but white space yet" },
    ],
  )("holds the text: $because", ({ messages, sent, last, count }) => {
    const turns = withOpenTurn(messages, sent);
    expect([turns.length, turns.at(-1)]).toEqual([count, last]);
  });
});
