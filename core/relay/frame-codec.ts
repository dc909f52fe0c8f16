import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ErrorDetailSchema } from "../../gen/cxmpute/error/v1/error_pb.ts";
import {
  type Delta,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type ClientBound, LoadSchema, type StreamEvents } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { deltaTags, EncodedEvent, eventTags } from "./encoded-event.ts";
import { FrameWriter } from "./frame-writer.ts";
import { readVarint, varintEnd } from "./varint.ts";

/**
 * Frames towards the client, encoded and decoded by hand: the same bytes that protobuf-es writes, read without
 * decoding the events (`EncodedEvent`). They carry every token, and protobuf-es was a third of a router's cost.
 * A test holds both codecs against each other.
 */

/** Tags of `ClientBound` and of `StreamEvents`: field number and wire type. */
const streamsTag = 0x0a;
const loadTag = 0x12;
const streamIdTag = 0x08;
const eventTag = 0x12;
const failureTag = 0x1a;

const writer = new FrameWriter();

/** Encodes a message whose field with this tag is the frame, and which has nothing else. */
export function encodeClientBound(frameTag: number, frame: ClientBound): Buffer {
  writer.byte(frameTag);
  const begin = writer.begin();
  for (const stream of frame.streams) writeStream(stream);
  if (frame.load !== undefined) writeMessage(loadTag, toBinary(LoadSchema, frame.load));
  writer.end(begin);
  return writer.finish();
}

/**
 * Decodes such a message; undefined when it is of another form, which only the general codec understands. Throws
 * a RangeError when a length points beyond the end.
 */
export function decodeClientBound(frameTag: number, bytes: Buffer): ClientBound | undefined {
  if (bytes[0] !== frameTag) return undefined;
  const begin = varintEnd(bytes, 1);
  const end = begin + readVarint(bytes, 1);
  if (end !== bytes.length) return undefined;
  const frame: ClientBound = { $typeName: "cxmpute.relay.v1.ClientBound", streams: [] };
  for (let at = begin; at < end; ) {
    const tag = bytes[at];
    if (tag !== streamsTag && tag !== loadTag) return undefined;
    const body = varintEnd(bytes, at + 1);
    const bodyEnd = body + readVarint(bytes, at + 1);
    checkEnd(bodyEnd, end);
    if (tag === loadTag) frame.load = fromBinary(LoadSchema, bytes.subarray(body, bodyEnd));
    else {
      const stream = readStream(bytes, body, bodyEnd);
      if (stream === undefined) return undefined;
      frame.streams.push(stream);
    }
    at = bodyEnd;
  }
  return frame;
}

function writeStream({ streamId, events, failure }: StreamEvents): void {
  writer.byte(streamsTag);
  const begin = writer.begin();
  if (streamId !== 0) {
    writer.byte(streamIdTag);
    writer.varint(streamId);
  }
  for (const event of events) writeEvent(event);
  if (failure !== undefined) writeMessage(failureTag, toBinary(ErrorDetailSchema, failure));
  writer.end(begin);
}

function writeEvent(event: GenerationEvent): void {
  if (event instanceof EncodedEvent) {
    writer.byte(eventTag);
    writer.bytes(event.frame, event.start, event.end);
    return;
  }
  const { event: oneof } = event;
  if (oneof.case === "delta" && oneof.value.toolCalls.length === 0 && oneof.value.logprobs.length === 0) {
    writer.byte(eventTag);
    const begin = writer.begin();
    writer.byte(eventTags.delta);
    const beginDelta = writer.begin();
    writeTextDelta(oneof.value);
    writer.end(beginDelta);
    writer.end(begin);
  } else writeMessage(eventTag, toBinary(GenerationEventSchema, event));
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

function readStream(bytes: Buffer, begin: number, end: number): StreamEvents | undefined {
  const stream: StreamEvents = { $typeName: "cxmpute.relay.v1.StreamEvents", streamId: 0, events: [] };
  for (let at = begin; at < end; ) {
    const tag = bytes[at];
    const body = varintEnd(bytes, at + 1);
    if (tag === streamIdTag) {
      stream.streamId = readVarint(bytes, at + 1);
      at = body;
      continue;
    }
    if (tag !== eventTag && tag !== failureTag) return undefined;
    const bodyEnd = body + readVarint(bytes, at + 1);
    checkEnd(bodyEnd, end);
    if (tag === eventTag) {
      const event = new EncodedEvent(bytes, body, bodyEnd);
      // The first push onto an empty array would make room for sixteen more.
      if (stream.events.length === 0) stream.events = [event];
      else stream.events.push(event);
    } else stream.failure = fromBinary(ErrorDetailSchema, bytes.subarray(body, bodyEnd));
    at = bodyEnd;
  }
  return stream;
}

function checkEnd(end: number, limit: number): void {
  if (end > limit) throw new RangeError("A field of a relay frame points beyond its end.");
}
