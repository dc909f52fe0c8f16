import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DeltaSchema,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { EncodedEvent } from "./encoded-event.ts";
import { Journal } from "./journal.ts";

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

test("what is read is what came, as bytes or as messages, short or long, in any order", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(delta, fc.boolean()), { maxLength: 60 }), fc.nat(60), (steps, look) => {
      const journal = new Journal();
      for (const [index, [value, asBytes]] of steps.entries()) {
        if (index === look) journal.read();
        const event = deltaOf(value);
        const wire = encoded(event);
        expect(journal.add(asBytes ? wire.event : event)).toBe(true);
        wire.forget();
      }
      const shown = steps.map(([value]) => value);
      expect(journal.read()).toEqual({
        text: shown.map(({ text }) => text).join(""),
        tokenIds: shown.flatMap(({ tokenIds }) => tokenIds),
        tokens: shown.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0),
        reasoningTokens: shown.reduce(
          (sum, { reasoning, tokenIds }) => sum + (reasoning === "" ? 0 : tokenIds.length),
          0,
        ),
        hasToolCalls: false,
      });
    }),
    { seed: 20261123 },
  );
});

describe.each([
  ["bytes", (event: GenerationEvent) => encoded(event).event],
  ["messages", (event: GenerationEvent) => event],
])("as %s", (_, as) => {
  const journalOf = (...deltas: MessageInitShape<typeof DeltaSchema>[]) => {
    const journal = new Journal();
    for (const value of deltas) journal.add(as(deltaOf(value)));
    return journal.read();
  };

  test("without ids each delta that shows something counts as a token", () => {
    expect(journalOf({ text: "a" }, {}, { reasoning: "b" }, { text: "c" })).toMatchObject({
      tokenIds: [],
      tokens: 3,
      reasoningTokens: 1,
    });
  });

  test("ids that only some deltas have are no ids: nobody could go on from them", () => {
    expect(journalOf({ text: "a", tokenIds: [1] }, { text: "b" })).toMatchObject({ tokenIds: [], tokens: 2 });
  });

  test("ids without text belong to what comes after them", () => {
    expect(journalOf({ tokenIds: [1] }, { text: "é", tokenIds: [2] }).tokenIds).toEqual([1, 2]);
  });

  test("a tool call is noticed", () => {
    const toolCalls = [{ index: 0, id: "c", name: "f" }];
    expect(journalOf({ text: "a" }, { toolCalls }).hasToolCalls).toBe(true);
  });

  test("what is no delta is left to others", () => {
    const journal = new Journal();
    for (const value of [
      { case: "started", value: { nodeId: "n", fingerprint: "f" } },
      { case: "finished", value: { reason: 1 } },
    ] as const)
      expect(journal.add(as(create(GenerationEventSchema, { event: value })))).toBe(false);
    expect(journal.read()).toMatchObject({ text: "", tokens: 0 });
  });
});
