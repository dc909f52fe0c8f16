import { EventEmitter } from "node:events";
import type { Writable } from "node:stream";
import type { Message } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { writeCall } from "./grpc-streams.ts";

const messages = async function* (count: number) {
  for (let index = 0; index < count; index++) yield { $typeName: `message ${index}` } as Message;
};

/** A call whose every write is backed up; `onWrite` says what happens in it. */
function backedUp(onWrite: (call: EventEmitter & { cancelled?: boolean }) => void) {
  const written: unknown[] = [];
  const call = Object.assign(new EventEmitter(), {
    destroyed: false,
    writableEnded: false,
    write(message: unknown) {
      written.push(message);
      onWrite(call);
      return false;
    },
  });
  return { call: call as unknown as Writable, written, emitter: call };
}

test("the next message waits until the last one has drained", async () => {
  const { call, written, emitter } = backedUp(() => {});
  const writing = writeCall(call, messages(2));
  await new Promise(setImmediate);
  expect(written).toHaveLength(1);
  emitter.emit("drain");
  await new Promise(setImmediate);
  expect(written).toHaveLength(2);
  emitter.emit("drain");
  await writing;
  expect(emitter.eventNames()).toEqual([]);
});

test("a caller that leaves while a write is backed up ends the writing", async () => {
  const { call, written, emitter } = backedUp(() => {});
  const writing = writeCall(call, messages(9));
  await new Promise(setImmediate);
  Object.assign(emitter, { cancelled: true });
  emitter.emit("cancelled");
  await writing;
  expect(written).toHaveLength(1);
});

test("a caller that had left before the write leaves nothing waiting", async () => {
  const { call, written } = backedUp((emitter) => {
    emitter.cancelled = true;
  });
  await writeCall(call, messages(9));
  expect(written).toHaveLength(1);
});
