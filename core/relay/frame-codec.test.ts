import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/cxmpute/error/v1/error_pb.ts";
import {
  type GenerationEvent,
  GenerationEventSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { RelayResponseSchema } from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import {
  type ClientBound,
  ClientBoundSchema,
  type Load,
  LoadSchema,
  type StreamEvents,
} from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { EncodedEvent, isDelta, plainTextOf } from "./encoded-event.ts";
import { readFrame } from "./encoded-frame.ts";
import { decodeClientBound, encodeClientBound, encodeFrame, type StreamUpdate } from "./frame-codec.ts";

const tag = 0x0a;
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string(),
  fc.string({ minLength: 100, maxLength: 400 }),
);

const anyEvent = fc
  .oneof(
    fc.record({ nodeId: text, fingerprint: text }).map((value) => ({ case: "started" as const, value })),
    fc
      .record({
        text,
        reasoning: fc.oneof(fc.constant(""), text),
        tokenIds: fc.array(uint32, { maxLength: 60 }),
        toolCalls: fc.array(fc.record({ index: uint32, id: text, name: text, argumentsJson: text }), {
          maxLength: 2,
        }),
        logprobs: fc.array(fc.record({ token: fc.record({ text, logprob: fc.double({ noNaN: true }) }) }), {
          maxLength: 2,
        }),
      })
      .map((value) => ({ case: "delta" as const, value })),
    fc
      .record({
        reason: fc.constantFrom(1, 2, 3),
        usage: fc.record({ promptTokens: uint32, completionTokens: uint32 }),
      })
      .map((value) => ({ case: "finished" as const, value: { ...value, reason: value.reason as 1 } })),
  )
  .map((event) => create(GenerationEventSchema, { event }));

const anyFrame = fc
  .record({
    streams: fc.array(
      fc.record({
        streamId: uint32,
        events: fc.array(anyEvent, { maxLength: 4 }),
        failure: fc.option(
          fc
            .record({ reason: fc.constantFrom(1, 9, 13), message: text })
            .map((init) => create(ErrorDetailSchema, { ...init, reason: init.reason as 1 })),
          { nil: undefined },
        ),
      }),
      { maxLength: 6 },
    ),
    load: fc.option(
      fc.record({ draining: fc.boolean() }).map((init) => create(LoadSchema, init)),
      { nil: undefined },
    ),
    sharesPrompts: fc.boolean(),
  })
  .map(({ streams, load, sharesPrompts }) =>
    create(ClientBoundSchema, {
      sharesPrompts,
      streams: streams.map(({ failure, ...rest }) => ({
        ...rest,
        ...(failure === undefined ? {} : { failure }),
      })),
      ...(load === undefined ? {} : { load }),
    }),
  );

const byProtobuf = (frame: ClientBound) =>
  toBinary(RelayResponseSchema, create(RelayResponseSchema, { frame }));

/** One thing that a frame says. */
interface Content {
  readonly streamId?: number;
  readonly event?: GenerationEvent;
  readonly failure?: ErrorDetail;
  readonly load?: Load;
  readonly sharesPrompts?: true;
}

function listContents(frame: ClientBound): Content[] {
  const contents: Content[] = [];
  readFrame(frame, {
    event: (streamId, event) => contents.push({ streamId, event }),
    failure: (streamId, failure) => contents.push({ streamId, failure }),
    load: (load) => contents.push({ load }),
    sharesPrompts: () => contents.push({ sharesPrompts: true }),
  });
  return contents;
}

/** The same with the event decoded, to be compared. */
const plain = ({ event, ...rest }: Content) => ({ ...rest, event: event?.event });

const toNews = ({ streamId, events: [first, ...more], failure }: StreamEvents): StreamUpdate => ({
  streamId,
  first,
  more,
  failure,
});

describe("the frame codec", () => {
  test("writes exactly the bytes that protobuf-es writes", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(encodeClientBound(tag, frame).equals(byProtobuf(frame))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("reads what protobuf-es writes, passes it on unchanged, and so reads its own", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const bytes = Buffer.from(byProtobuf(frame));
        const decoded = decodeClientBound(tag, bytes);
        if (decoded === undefined) throw new Error("A well-formed frame was not understood.");
        // Before anything is decoded: what passes through stays bytes.
        expect(encodeClientBound(tag, decoded).equals(bytes)).toBe(true);
        const read = listContents(decoded);
        expect(read.map(({ event }) => event === undefined || event instanceof EncodedEvent)).not.toContain(
          false,
        );
        expect(read.map(({ event }) => event && isDelta(event))).toEqual(
          listContents(frame).map(({ event }) => event && event.event.case === "delta"),
        );
        expect(read.map(({ event }) => event && plainTextOf(event))).toEqual(
          listContents(frame).map(({ event }) => event && plainTextOf(event)),
        );
        expect(read.map(plain)).toEqual(listContents(frame).map(plain));
        expect(decoded.streams).toEqual(frame.streams);
        expect(decoded.load).toEqual(frame.load);
        expect(decoded.sharesPrompts).toBe(frame.sharesPrompts);
        const rethrow = (_: unknown, error: unknown) => {
          throw error;
        };
        const own = encodeFrame(decoded.streams.map(toNews), decoded.load, rethrow, decoded.sharesPrompts);
        expect(encodeClientBound(tag, own).equals(bytes)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("never reads beyond a frame, whatever the bytes are", () => {
    fc.assert(
      fc.property(anyFrame, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), (frame, changes) => {
        const bytes = Buffer.from(byProtobuf(frame));
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        let contents: Content[];
        try {
          const decoded = decodeClientBound(tag, bytes);
          contents = decoded === undefined ? [] : listContents(decoded);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          return;
        }
        for (const { event } of contents)
          try {
            expect(event?.event).not.toBeNull();
          } catch (error) {
            expect(error).toMatchObject({ kind: "engine_failed" });
          }
      }),
      { numRuns: 1000 },
    );
  });

  test("puts a failure in the place of what has no encoding, and spoils nothing else", () => {
    const finished = create(GenerationEventSchema, {
      event: { case: "finished", value: { usage: { promptTokens: -1 } } },
    });
    const delta = create(GenerationEventSchema, { event: { case: "delta", value: { text: "x" } } });
    const failure = create(ErrorDetailSchema, { message: "no" });
    const newsOf = (streamId: number, first: GenerationEvent): StreamUpdate => ({
      streamId,
      first,
      more: undefined,
      failure: undefined,
    });
    const news = [newsOf(1, delta), newsOf(2, finished), newsOf(3, delta)];
    const frame = encodeFrame(news, undefined, () => failure);
    expect(
      listContents(frame).map(({ streamId, event, failure }) => [
        streamId,
        event && plainTextOf(event),
        failure,
      ]),
    ).toEqual([
      [1, "x", undefined],
      [2, undefined, failure],
      [3, "x", undefined],
    ]);
  });

  test("begins anew after a frame that could not be written", () => {
    const refuse = () => {
      throw new Error("no");
    };
    const finished = create(GenerationEventSchema, {
      event: { case: "finished", value: { usage: { promptTokens: -1 } } },
    });
    const news = { streamId: 1, first: finished, more: undefined, failure: undefined };
    expect(() => encodeFrame([news], undefined, refuse)).toThrow("no");
    expect(encodeFrame([], undefined, refuse).bytes).toHaveLength(0);
  });

  test("takes an event with two answers for what protobuf says it is: the last one", () => {
    const delta = create(GenerationEventSchema, { event: { case: "delta", value: { text: "x" } } });
    const finished = create(GenerationEventSchema, { event: { case: "finished", value: { reason: 1 } } });
    const both = Buffer.concat([
      toBinary(GenerationEventSchema, delta),
      toBinary(GenerationEventSchema, finished),
    ]);
    const event = new EncodedEvent(both, 0, both.length);
    expect(isDelta(event)).toBe(false);
    expect(event.event).toEqual(fromBinary(GenerationEventSchema, both).event);
  });

  test("leaves fields that it does not know to the general codec", () => {
    const unknown = Buffer.from([tag, 2, 0x7a, 0]);
    expect(decodeClientBound(tag, unknown)).toBeUndefined();
  });
});
