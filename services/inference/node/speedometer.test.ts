import { expect, test } from "vitest";
import { FinishReason } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { generationOf, usageOf } from "../../../test/support/inference/fake-engine.ts";
import type { AnswerRecord } from "../guard/guarded-answer.ts";
import { Speedometer } from "./model-watch.ts";

/** An answer of so many tokens, the first after 500 ms, that took so long altogether. */
const answerOf = (tokens: number, durationMs: number, fields: Partial<AnswerRecord> = {}): AnswerRecord => ({
  generation: generationOf(),
  outcome: FinishReason.STOP,
  usage: { $typeName: "cxmpute.generation.v1.Usage", ...usageOf(tokens) },
  givenTokens: tokens,
  queuedMs: 0,
  firstTokenMs: 500,
  durationMs,
  ...fields,
});

/** What is told after such answers. */
function tell(...records: AnswerRecord[]): number | undefined {
  const speeds = new Speedometer();
  for (const record of records) speeds.learn(record);
  speeds.settle();
  return speeds.speedOf("m");
}

test("an answer's speed is counted from its first token on", () => {
  expect(tell(answerOf(101, 2500))).toBe(50);
});

test.each([
  ["a short answer", answerOf(7, 2500)],
  ["one that failed", answerOf(101, 2500, { usage: undefined })],
  ["one that came at once", answerOf(101, 500)],
  ["one that showed nothing", answerOf(101, 2500, { firstTokenMs: undefined })],
])("%s says nothing of the speed", (_, record) => {
  expect(tell(record)).toBeUndefined();
});

test("tokens that another node has produced are not this one's merit", () => {
  const generation = generationOf({ resume: { tokenIds: Array.from({ length: 50 }, () => 1) } });
  expect(tell(answerOf(101, 1500, { generation }))).toBe(50);
});

test("it is told anew when it has changed by a quarter, and not for less", () => {
  const speeds = new Speedometer();
  const learn = (durationMs: number) => {
    speeds.learn(answerOf(101, durationMs));
    return [speeds.settle(), speeds.speedOf("m")];
  };
  expect(learn(1500)).toEqual([true, 100]);
  expect(speeds.settle()).toBe(false);
  // A fifth of the way from 100 to 200, then to 120 + 16.
  expect(learn(1000)).toEqual([false, 100]);
  expect(learn(1000)).toEqual([true, 136]);
});
