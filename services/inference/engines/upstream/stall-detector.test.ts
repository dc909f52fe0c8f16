import { describe, expect, test } from "vitest";
import { heartbeatEvent, textEvent } from "../../../../core/generation/events.ts";
import { Channel } from "../../../../core/streams/channel.ts";
import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { withSignsOfLife } from "./stall-detector.ts";

function start(isAlive: () => Promise<boolean>) {
  const clock = new FakeClock();
  let left = false;
  const source = new Channel<GenerationEvent>({
    capacity: 100,
    onLeave: () => {
      left = true;
    },
  });
  const events = withSignsOfLife(source, {
    clock,
    isAlive,
    beginLimitMs: 2000,
    stallLimitMs: 800,
    stalled: (seconds) => `It sent nothing for ${seconds} s.`,
  });
  return { clock, source, events, hasLeft: () => left };
}

describe("silence", () => {
  test("is filled with signs of life while the upstream answers", async () => {
    const { clock, source, events } = start(async () => true);
    const first = events.next();
    await clock.advance(400);
    expect((await first).value).toEqual(heartbeatEvent());
    const second = events.next();
    source.push(textEvent("a", []));
    expect((await second).value).toEqual(textEvent("a", []));
    source.close();
    expect((await events.next()).done).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test("stays silence when the upstream does not answer either", async () => {
    let asked = 0;
    const { clock, source, events } = start(async () => {
      asked++;
      return false;
    });
    const first = events.next();
    await clock.advance(1300);
    expect(asked).toBe(3);
    source.push(textEvent("late", []));
    expect((await first).value).toEqual(textEvent("late", []));
    await events.return(undefined);
  });

  test("that lasts too long is a failure, however alive the upstream is", async () => {
    const { clock, events, hasLeft } = start(async () => true);
    const read = (async () => {
      for await (const _ of events);
    })();
    const failed = expect(read).rejects.toMatchObject({
      kind: "engine_failed",
      message: "It sent nothing for 2 s.",
    });
    for (let step = 0; step < 5; step++) await clock.advance(400);
    await failed;
    expect(hasLeft()).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

test("silence between two events may last less long", async () => {
  const { clock, source, events } = start(async () => true);
  source.push(textEvent("a", []));
  await events.next();
  const read = (async () => {
    for await (const _ of events);
  })();
  const failed = expect(read).rejects.toMatchObject({
    message: "It sent nothing for 1 s.",
  });
  for (let step = 0; step < 2; step++) await clock.advance(400);
  await failed;
});

test("the time that a reader takes over an event is no silence", async () => {
  const { clock, source, events } = start(async () => true);
  source.push(textEvent("a", []));
  await events.next();
  await clock.advance(60_000);
  const next = events.next();
  await clock.advance(400);
  expect((await next).value).toEqual(heartbeatEvent());
  await events.return(undefined);
});

test("a reader who leaves ends the source, even in the middle of a read", async () => {
  const { clock, events, hasLeft } = start(async () => true);
  const first = events.next();
  await clock.advance(400);
  await first;
  await events.return(undefined);
  expect(hasLeft()).toBe(true);
});
