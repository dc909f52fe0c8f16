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

/**
 * Frames towards the client, encoded and decoded by hand: the same bytes that protobuf-es writes, read without
 * decoding the events (`EncodedEvent`). They carry every token, and protobuf-es was a third of a router's cost.
 * A test holds both codecs against each other.
 */

/** What a frame says of one stream. */
export interface StreamNews {
  readonly streamId: number;
  /** The events, in order; apart, because nearly always there is one and an array for it would be waste. */
  readonly first: GenerationEvent | undefined;
  readonly more: readonly GenerationEvent[] | undefined;
  readonly failure: ErrorDetail | undefined;
}

const writer = new FrameWriter();

/**
 * Encodes a frame. News that have no encoding, such as a count of -1, spoil no others: what `refuse` makes of them goes
 * in their place; what it throws, this throws.
 */
export function encodeFrame<News extends StreamNews>(
  news: readonly News[],
  load: Load | undefined,
  refuse: (news: News, error: unknown) => ErrorDetail,
): EncodedFrame {
  try {
    for (const one of news) {
      const begin = writer.length;
      try {
        writeNews(one);
      } catch (error) {
        writer.truncate(begin);
        writeNews({ streamId: one.streamId, first: undefined, more: undefined, failure: refuse(one, error) });
      }
    }
    if (load !== undefined) writeMessage(frameTags.load, toBinary(LoadSchema, load));
  } catch (error) {
    writer.truncate(0);
    throw error;
  }
  const bytes = writer.finish();
  return new EncodedFrame(bytes, 0, bytes.length);
}

/** Encodes a message whose field with this tag is the frame, and which has nothing else. */
export function encodeClientBound(frameTag: number, frame: ClientBound): Buffer {
  const { bytes, begin, end } =
    frame instanceof EncodedFrame ? frame : encodeFrame(newsOf(frame), frame.load, rethrow);
  writer.byte(frameTag);
  writer.bytes(bytes, begin, end);
  return writer.finish();
}

/**
 * Decodes such a message; undefined when it is of another form, which only the general codec understands. Throws
 * a RangeError when a length points beyond the end.
 */
export function decodeClientBound(frameTag: number, bytes: Buffer): EncodedFrame | undefined {
  if (bytes[0] !== frameTag) return undefined;
  const begin = varintEnd(bytes, 1);
  const end = begin + readVarint(bytes, 1);
  return end === bytes.length && checkFrame(bytes, begin, end)
    ? new EncodedFrame(bytes, begin, end)
    : undefined;
}

const rethrow = (_news: StreamNews, error: unknown): never => {
  throw error;
};

const newsOf = ({ streams }: ClientBound): StreamNews[] =>
  streams.map(({ streamId, events: [first, ...more], failure }) => ({ streamId, first, more, failure }));

function writeNews({ streamId, first, more, failure }: StreamNews): void {
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
