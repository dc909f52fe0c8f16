import { fromBinary } from "@bufbuild/protobuf";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/cxmpute/error/v1/error_pb.ts";
import type { GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  type ClientBound,
  ClientBoundSchema,
  type Load,
  LoadSchema,
  type StreamEvents,
} from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { EncodedEvent } from "./encoded-event.ts";
import { readVarint, varintEnd } from "./varint.ts";

/** Tags of `ClientBound` and of `StreamEvents`: field number and wire type. */
export const frameTags = {
  streams: 0x0a,
  load: 0x12,
  sharesPrompts: 0x18,
  streamId: 0x08,
  event: 0x12,
  failure: 0x1a,
} as const;

/** Gets the contents of a frame. */
export interface FrameReader {
  event(streamId: number, event: GenerationEvent): void;
  failure(streamId: number, failure: ErrorDetail): void;
  load(load: Load): void;
  /** The other side understands shared prompts. */
  sharesPrompts(): void;
}

/** An encoded frame. `readFrame` makes no object for a token but its event, which keeps garbage collection cheap. */
export class EncodedFrame implements ClientBound {
  readonly $typeName = "cxmpute.relay.v1.ClientBound";
  /** The buffer that holds it, from `begin` up to `end`. */
  readonly bytes: Buffer;
  readonly begin: number;
  readonly end: number;

  /** The bytes must pass `checkFrame`. */
  constructor(bytes: Buffer, begin: number, end: number) {
    this.bytes = bytes;
    this.begin = begin;
    this.end = end;
  }

  get streams(): StreamEvents[] {
    return this.#decode().streams;
  }

  get load(): Load | undefined {
    return this.#decode().load;
  }

  get sharesPrompts(): boolean {
    return this.#decode().sharesPrompts;
  }

  #decode(): ClientBound {
    return fromBinary(ClientBoundSchema, this.bytes.subarray(this.begin, this.end));
  }
}

/** Passes the contents of a frame to a reader, in order. Throws when its bytes are no frame. */
export function readFrame(frame: ClientBound, reader: FrameReader): void {
  if (frame instanceof EncodedFrame) {
    walkFrame(frame.bytes, frame.begin, frame.end, reader);
    return;
  }
  for (const { streamId, events, failure } of frame.streams) {
    for (const event of events) reader.event(streamId, event);
    if (failure !== undefined) reader.failure(streamId, failure);
  }
  if (frame.load !== undefined) reader.load(frame.load);
  if (frame.sharesPrompts) reader.sharesPrompts();
}

/** Whether `EncodedFrame` can read these bytes: known fields, stream ids first. Throws a RangeError for a bad length. */
export function checkFrame(bytes: Buffer, begin: number, end: number): boolean {
  return walkFrame(bytes, begin, end, undefined);
}

/** False when the frame has another form; the reader may have got a part of it. */
function walkFrame(bytes: Buffer, begin: number, end: number, reader: FrameReader | undefined): boolean {
  for (let at = begin; at < end; ) {
    const tag = bytes[at];
    if (tag === frameTags.sharesPrompts) {
      if (readVarint(bytes, at + 1) !== 0) reader?.sharesPrompts();
      at = checkedEnd(varintEnd(bytes, at + 1), end);
      continue;
    }
    if (tag !== frameTags.streams && tag !== frameTags.load) return false;
    const body = varintEnd(bytes, at + 1);
    at = checkedEnd(body + readVarint(bytes, at + 1), end);
    if (tag === frameTags.load) reader?.load(fromBinary(LoadSchema, bytes.subarray(body, at)));
    else if (!walkStream(bytes, body, at, reader)) return false;
  }
  return true;
}

function walkStream(bytes: Buffer, begin: number, end: number, reader: FrameReader | undefined): boolean {
  let at = begin;
  let streamId = 0;
  if (at < end && bytes[at] === frameTags.streamId) {
    streamId = readVarint(bytes, at + 1);
    at = varintEnd(bytes, at + 1);
  }
  while (at < end) {
    const tag = bytes[at];
    if (tag !== frameTags.event && tag !== frameTags.failure) return false;
    const body = varintEnd(bytes, at + 1);
    at = checkedEnd(body + readVarint(bytes, at + 1), end);
    if (tag === frameTags.event) reader?.event(streamId, new EncodedEvent(bytes, body, at));
    else reader?.failure(streamId, fromBinary(ErrorDetailSchema, bytes.subarray(body, at)));
  }
  return at === end;
}

function checkedEnd(end: number, limit: number): number {
  if (end > limit) throw new RangeError("A field of a relay frame points beyond its end.");
  return end;
}
