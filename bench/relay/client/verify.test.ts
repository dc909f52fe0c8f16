import { expect, test } from "vitest";
import { textOf, tokensOf } from "../text.ts";
import { completion, finishChunk, roleChunk, streamEnd, textChunk } from "../upstream/shapes.ts";
import { promptOf } from "../workload.ts";
import { verifyStream, verifyWhole } from "./verify.ts";

const token = tokensOf(promptOf(7));
const texts = [0, 1, 2].map((index) => textChunk("m", token(index)));
const exact = [roleChunk("m"), ...texts, finishChunk("m"), streamEnd];

const response = (body: string, status = "200 OK") =>
  Buffer.from(`HTTP/1.1 ${status}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);

test("an exact stream is accepted with the number of its text events", () => {
  expect(verifyStream(response(exact.join("")), 7, 3)).toEqual({ events: 3 });
});

test("tokens that were merged into one event are the same text in fewer events", () => {
  const merged = [roleChunk("m"), textChunk("m", textOf(promptOf(7), 3)), finishChunk("m"), streamEnd];
  expect(verifyStream(response(merged.join("")), 7, 3)).toEqual({ events: 1 });
});

test.each([
  { because: "a token is missing", events: exact.toSpliced(2, 1), says: "text differs" },
  { because: "a token came twice", events: exact.toSpliced(2, 0, texts[1]!), says: "text differs" },
  {
    because: "two tokens changed places",
    events: exact.with(2, texts[2]!).with(3, texts[1]!),
    says: "text differs",
  },
  { because: "it finishes twice", events: exact.toSpliced(4, 0, finishChunk("m")), says: "finish reasons" },
  { because: "it never finishes", events: exact.toSpliced(4, 1), says: "finish reasons" },
  { because: "it breaks off", events: exact.slice(0, -1), says: "not [DONE]" },
])("a stream is refused when $because", ({ events, says }) => {
  expect(() => verifyStream(response(events.join("")), 7, 3)).toThrow(says);
});

test("a stream of another prompt is refused", () => {
  expect(() => verifyStream(response(exact.join("")), 8, 3)).toThrow("text differs");
});

test("an error is refused with its status", () => {
  const busy = response("{}", "503 Service Unavailable");
  expect(() => verifyStream(busy, 7, 3)).toThrow("status 503");
  expect(() => verifyWhole(busy, 7, 3)).toThrow("status 503");
});

test("a whole answer is accepted when its text is exact", () => {
  const whole = response(completion("m", textOf(promptOf(7), 8), 8));
  expect(verifyWhole(whole, 7, 8)).toEqual({ events: 1 });
  expect(() => verifyWhole(whole, 7, 9)).toThrow("text differs");
});
