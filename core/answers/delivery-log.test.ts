import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DeltaSchema,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { EncodedEvent } from "../relay/encoded-event.ts";
import { DeliveryLog } from "./delivery-log.ts";

const deltaOf = (value: MessageInitShape<typeof DeltaSchema>): GenerationEvent =>
  create(GenerationEventSchema, { event: { case: "delta", value: create(DeltaSchema, value) } });

/** The event as a relay brings it: in the middle of a frame, which is overwritten afterwards. */
function encoded(event: GenerationEvent): { event: EncodedEvent; forget(): void } {
  const bytes = toBinary(GenerationEventSchema, event);
  const frame = Buffer.concat([Buffer.from("front"), bytes, Buffer.from("back")]);
  return { event: new EncodedEvent(frame, 5, 5 + bytes.length), forget: () => frame.fill(0xff) };
}

const logprobs = Array.from({ length: 40 }, () => ({
  token: { text: "likely", bytes: Buffer.from("likely"), logprob: -1 },
  top: [{ text: "other", bytes: Buffer.from("other"), logprob: -2 }],
}));

const delta = fc.record({
  text: fc.string({ unit: "grapheme", maxLength: 90 }),
  reasoning: fc.oneof({ arbitrary: fc.constant(""), weight: 4 }, fc.string({ maxLength: 20 })),
  tokenIds: fc.array(fc.integer({ min: 0, max: 300_000 }), { minLength: 1, maxLength: 3 }),
  logprobs: fc.constantFrom(logprobs, [], [], []),
});

test("what is read of each answer is what came of it, as bytes or as messages, short or long, in any order", () => {
  const answers = 3;
  const step = fc.tuple(delta, fc.boolean(), fc.nat(answers - 1));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, look) => {
      const log = new DeliveryLog();
      const numbers = Array.from({ length: answers }, () => log.open());
      for (const [index, [value, asBytes, which]] of steps.entries()) {
        if (index === look) log.read(numbers[0]!);
        const event = deltaOf(value);
        const wire = encoded(event);
        expect(log.add(numbers[which]!, asBytes ? wire.event : event)).toBe(true);
        wire.forget();
      }
      for (const [at, number] of numbers.entries()) {
        const shown = steps.flatMap(([value, , which]) => (which === at ? [value] : []));
        expect(log.read(number)).toEqual({
          text: shown.map(({ text }) => text).join(""),
          tokenIds: shown.flatMap(({ tokenIds }) => tokenIds),
          tokens: shown.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0),
          reasoningTokens: shown.reduce(
            (sum, { reasoning, tokenIds }) => sum + (reasoning === "" ? 0 : tokenIds.length),
            0,
          ),
          hasToolCalls: false,
        });
      }
    }),
    { seed: 20261123 },
  );
});

test("answers that run while the log fills many times over keep every token, and those that ended leave nothing", () => {
  const log = new DeliveryLog();
  const rounds = 4000;
  const lasting = Array.from({ length: 5 }, () => log.open());
  for (let round = 0; round < rounds; round++) {
    for (const number of lasting)
      log.add(number, encoded(deltaOf({ text: `${number}.${round} `, tokenIds: [round] })).event);
    const short = log.open();
    log.add(short, encoded(deltaOf({ text: "x".repeat(60), tokenIds: [7] })).event);
    log.close(short);
  }
  expect(log.size).toBe(5);
  for (const number of lasting) {
    const { text, tokenIds } = log.read(number);
    expect(text).toBe(Array.from({ length: rounds }, (_, round) => `${number}.${round} `).join(""));
    expect(tokenIds).toHaveLength(rounds);
    log.close(number);
  }
  expect(log.size).toBe(0);
});

describe.each([
  ["bytes", (event: GenerationEvent) => encoded(event).event],
  ["messages", (event: GenerationEvent) => event],
])("as %s", (_, as) => {
  const readOf = (...deltas: MessageInitShape<typeof DeltaSchema>[]) => {
    const log = new DeliveryLog();
    const answer = log.open();
    for (const value of deltas) log.add(answer, as(deltaOf(value)));
    return log.read(answer);
  };

  test("without ids each delta that shows something counts as a token", () => {
    expect(readOf({ text: "a" }, {}, { reasoning: "b" }, { text: "c" })).toMatchObject({
      tokenIds: [],
      tokens: 3,
      reasoningTokens: 1,
    });
  });

  test("ids that only some deltas have are no ids: nobody could go on from them", () => {
    expect(readOf({ text: "a", tokenIds: [1] }, { text: "b" })).toMatchObject({ tokenIds: [], tokens: 2 });
  });

  test("ids without text belong to what comes after them", () => {
    expect(readOf({ tokenIds: [1] }, { text: "é", tokenIds: [2] }).tokenIds).toEqual([1, 2]);
  });

  test("a tool call is noticed", () => {
    const toolCalls = [{ index: 0, id: "c", name: "f" }];
    expect(readOf({ text: "a" }, { toolCalls }).hasToolCalls).toBe(true);
  });

  test("what is no delta is left to others", () => {
    const log = new DeliveryLog();
    const answer = log.open();
    for (const value of [
      { case: "started", value: { nodeId: "n", fingerprint: "f" } },
      { case: "finished", value: { reason: 1 } },
    ] as const)
      expect(log.add(answer, as(create(GenerationEventSchema, { event: value })))).toBe(false);
    expect(log.read(answer)).toMatchObject({ text: "", tokens: 0 });
  });
});
