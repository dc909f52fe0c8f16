import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { SseStreams } from "./sse-streams.ts";

/** A response whose client reads when the test says so. */
class FakeResponse extends EventEmitter {
  readonly written: string[] = [];
  chunkedEncoding = true;
  socket = null;
  destroyed = false;
  writableFinished = false;
  writableNeedDrain = false;
  /** What the next writes return: whether there is room for more. */
  room = true;

  writeHead(): void {}

  write(text: string): boolean {
    this.written.push(text);
    this.writableNeedDrain = !this.room;
    return this.room;
  }

  end(): void {
    this.written.push("END");
  }

  destroy(): void {
    this.destroyed = true;
  }

  drain(): void {
    this.writableNeedDrain = false;
    this.emit("drain");
  }
}

function openStream() {
  const clock = new FakeClock();
  const response = new FakeResponse();
  const streams = new SseStreams(clock, 30_000);
  const stream = streams.open(response as unknown as ServerResponse, {});
  return { clock, response, stream };
}

const turn = () => new Promise(setImmediate);
const isSettled = async (promise: Promise<void> | undefined) =>
  Promise.race([promise?.then(() => true), turn().then(() => false)]);

describe("a stream of events", () => {
  test("writes once for each turn, and at once what is large", async () => {
    const { response, stream } = openStream();
    stream.write("a");
    stream.write("b");
    expect(response.written).toEqual([]);
    await turn();
    stream.write("c");
    await turn();
    expect(response.written).toEqual(["ab", "c"]);
    stream.write("x".repeat(70_000));
    expect(response.written).toHaveLength(3);
  });

  test("ends with what was still to be written", async () => {
    const { clock, response, stream } = openStream();
    stream.write("a");
    stream.end("z");
    stream.write("late");
    stream.end("later");
    await turn();
    expect(response.written).toEqual(["az", "END"]);
    response.emit("close");
    expect(clock.pending).toBe(0);
  });

  test("waits for a client that is behind until it has room", async () => {
    const { clock, response, stream } = openStream();
    response.room = false;
    expect(stream.drained()).toBeUndefined();
    stream.write("a");
    await turn();
    const waits = stream.drained();
    expect(stream.drained()).toBe(waits);
    expect(await isSettled(waits)).toBe(false);
    response.drain();
    expect(await isSettled(waits)).toBe(true);
    expect(stream.drained()).toBeUndefined();
    stream.end("");
    response.emit("close");
    expect(clock.pending).toBe(0);
  });

  test("does not wait for a client that has caught up before anybody asked", async () => {
    const { response, stream } = openStream();
    response.room = false;
    stream.write("a");
    await turn();
    response.drain();
    expect(stream.drained()).toBeUndefined();
  });

  test("does not wait for a client that is gone", async () => {
    const { clock, response, stream } = openStream();
    response.room = false;
    stream.write("a");
    await turn();
    const waits = stream.drained();
    response.emit("close");
    expect(await isSettled(waits)).toBe(true);
    stream.write("b");
    await turn();
    expect(response.written).toEqual(["a"]);
    expect(stream.drained()).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  test.each(["in the middle", "at the end"])(
    "cuts a client that takes nothing for too long, %s",
    async (when) => {
      const { clock, response, stream } = openStream();
      response.room = false;
      stream.write("a");
      await turn();
      const waits = when === "at the end" ? stream.end("") : stream.drained();
      await clock.advance(29_000);
      expect(response.destroyed).toBe(false);
      await clock.advance(1000);
      expect(response.destroyed).toBe(true);
      await waits;
      stream.write("b");
      await turn();
      expect(clock.pending).toBe(0);
    },
  );

  test("writes nothing to a response that has been destroyed", async () => {
    const { response, stream } = openStream();
    stream.write("a");
    response.destroy();
    await turn();
    expect(response.written).toEqual([]);
  });
});
