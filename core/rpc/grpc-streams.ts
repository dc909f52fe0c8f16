import type { Readable, Writable } from "node:stream";
import type { Message } from "@bufbuild/protobuf";
import { Channel } from "../streams/channel.ts";
import type { MessageCodec } from "./message-codec.ts";

/** Messages that may be queued for a slow reader before the HTTP/2 stream is paused. */
const readAhead = 16;

/** Reads a grpc-js call, which its own iterator would not cancel (`onLeave`). `failure` returns how it ended. */
export function readCall(
  call: Readable,
  onLeave: () => void,
  failure: () => unknown,
): AsyncIterableIterator<Message> {
  const channel = new Channel<Message>({ capacity: Number.POSITIVE_INFINITY, onLeave });
  call.on("data", (message: Message) => {
    channel.push(message);
    if (channel.size >= readAhead) call.pause();
  });
  const end = () => {
    const error = failure();
    if (error === undefined) channel.close();
    else channel.fail(error);
  };
  call.on("end", end);
  call.on("close", end);
  return {
    next() {
      const result = channel.next();
      if (call.isPaused() && channel.size < readAhead / 2) call.resume();
      return result;
    },
    return: () => channel.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Writes a source to a call, no faster than that drains: meanwhile the source can merge. Returns when either ends. */
export async function writeCall(
  call: Writable,
  source: AsyncIterable<Message>,
  prepare?: MessageCodec["prepare"],
): Promise<void> {
  for await (const message of source) {
    const preparing = prepare?.(message);
    if (preparing !== undefined) await preparing;
    if (isOver(call)) return;
    // A call that has ended meanwhile emits no further event that would end the wait.
    if (!call.write(message) && !isOver(call)) await drained(call);
  }
}

/** Whether writing has become pointless; `cancelled` is of grpc-js's server calls. */
const isOver = (call: Writable & { readonly cancelled?: boolean }): boolean =>
  call.destroyed || call.writableEnded || call.cancelled === true;

function drained(call: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off("drain", done);
      call.off("close", done);
      call.off("cancelled", done);
      resolve();
    };
    call.on("drain", done);
    call.on("close", done);
    call.on("cancelled", done);
  });
}
