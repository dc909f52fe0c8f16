import { toBinary } from "@bufbuild/protobuf";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/cxmpute/error/v1/error_pb.ts";
import {
  type Delta,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type ClientBound, type Load, LoadSchema } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { deltaTags, EncodedEvent, eventTags } from "./encoded-event.ts";
import { checkFrame, EncodedFrame, frameTags } from "./encoded-frame.ts";
import { FrameWriter } from "./frame-writer.ts";
import { readVarint, varintEnd } from "./varint.ts";

// Frames to the client, encoded and decoded by hand: the bytes of protobuf-es, without decoding the events. They carry
// every token, and protobuf-es was a third of a router's cost. A test compares both codecs.

/** The part of a frame for one stream. */
export interface StreamUpdate {
  readonly streamId: number;
  /** The events, in order. Nearly always there is only the first, which needs no array. */
  readonly first: GenerationEvent | undefined;
  readonly more: readonly GenerationEvent[] | undefined;
  readonly failure: ErrorDetail | undefined;
}

const writer = new FrameWriter();

/** Encodes a frame, which may say that this side shares prompts. An update that has no encoding, such as a count of -1, is replaced by the failure from `refuse`. */
export function encodeFrame<Update extends StreamUpdate>(
  updates: readonly Update[],
  load: Load | undefined,
  refuse: (update: Update, error: unknown) => ErrorDetail,
  sharesPrompts = false,
): EncodedFrame {
  try {
    for (const update of updates) {
      const begin = writer.length;
      try {
        writeUpdate(update);
      } catch (error) {
        writer.truncate(begin);
        writeUpdate({
          streamId: update.streamId,
          first: undefined,
          more: undefined,
          failure: refuse(update, error),
        });
      }
    }
    if (load !== undefined) writeMessage(frameTags.load, toBinary(LoadSchema, load));
    if (sharesPrompts) {
      writer.byte(frameTags.sharesPrompts);
      writer.byte(1);
    }
  } catch (error) {
    writer.truncate(0);
    throw error;
  }
  const bytes = writer.finish();
  return new EncodedFrame(bytes, 0, bytes.length);
}

/** Encodes a message whose only field, with this tag, is the frame. */
export function encodeClientBound(frameTag: number, frame: ClientBound): Buffer {
  const { bytes, begin, end } =
    frame instanceof EncodedFrame
      ? frame
      : encodeFrame(updatesOf(frame), frame.load, rethrow, frame.sharesPrompts);
  writer.byte(frameTag);
  writer.bytes(bytes, begin, end);
  return writer.finish();
}

/** Decodes such a message; undefined for a form that needs the general codec. Throws a RangeError for a bad length. */
export function decodeClientBound(frameTag: number, bytes: Buffer): EncodedFrame | undefined {
  if (bytes[0] !== frameTag) return undefined;
  const begin = varintEnd(bytes, 1);
  const end = begin + readVarint(bytes, 1);
  return end === bytes.length && checkFrame(bytes, begin, end)
    ? new EncodedFrame(bytes, begin, end)
    : undefined;
}

const rethrow = (_update: StreamUpdate, error: unknown): never => {
  throw error;
};

const updatesOf = ({ streams }: ClientBound): StreamUpdate[] =>
  streams.map(({ streamId, events: [first, ...more], failure }) => ({ streamId, first, more, failure }));

function writeUpdate({ streamId, first, more, failure }: StreamUpdate): void {
  writer.byte(frameTags.streams);
  const begin = writer.begin();
  if (streamId !== 0) {
    writer.byte(frameTags.streamId);
    writer.varint(streamId);
  }
  if (first !== undefined) writeEvent(first);
  if (more !== undefined) for (const event of more) writeEvent(event);
  if (failure !== undefined) writeMessage(frameTags.failure, toBinary(ErrorDetailSchema, failure));
  writer.end(begin);
}

function writeEvent(event: GenerationEvent): void {
  if (event instanceof EncodedEvent) {
    writer.byte(frameTags.event);
    writer.bytes(event.frame, event.start, event.end);
    return;
  }
  const { event: oneof } = event;
  if (oneof.case === "delta" && oneof.value.toolCalls.length === 0 && oneof.value.logprobs.length === 0) {
    writer.byte(frameTags.event);
    const begin = writer.begin();
    writer.byte(eventTags.delta);
    const beginDelta = writer.begin();
    writeTextDelta(oneof.value);
    writer.end(beginDelta);
    writer.end(begin);
  } else writeMessage(frameTags.event, toBinary(GenerationEventSchema, event));
}

function writeTextDelta({ text, tokenIds, reasoning }: Delta): void {
  if (text !== "") {
    writer.byte(deltaTags.text);
    writer.text(text);
  }
  if (tokenIds.length > 0) {
    writer.byte(deltaTags.tokenIds);
    const begin = writer.begin();
    for (const id of tokenIds) writer.varint(id);
    writer.end(begin);
  }
  if (reasoning !== "") {
    writer.byte(deltaTags.reasoning);
    writer.text(reasoning);
  }
}

function writeMessage(tag: number, bytes: Uint8Array): void {
  writer.byte(tag);
  writer.bytes(bytes, 0, bytes.length);
}
