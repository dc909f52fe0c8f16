import { describe, expect, test } from "vitest";
import { heartbeatEvent, textEvent } from "../../../../core/generation/events.ts";
import { Channel } from "../../../../core/streams/channel.ts";
import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { generationOf } from "../../../../test/support/inference/fake-engine.ts";
import { withSignsOfLife } from "./stall-detector.ts";
import { UsualTimes } from "./usual-times.ts";

const said = (value: string) => ({ messages: [{ parts: [{ part: { case: "text" as const, value } }] }] });

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

describe("an upstream that answers checks and hangs", () => {
  /** Answers from one server; each gets its first token after `beginMs`, and then tokens 100 ms apart. */
  function serve() {
    const clock = new FakeClock();
    const times = new UsualTimes(clock);
    const ask = (fields: Parameters<typeof generationOf>[0] = {}) => {
      const source = new Channel<GenerationEvent>({ capacity: 100 });
      const events = withSignsOfLife(source, {
        clock,
        isAlive: async () => true,
        beginLimitMs: 240_000,
        stallLimitMs: 120_000,
        stalled: () => "It stalled.",
        usual: times.of(generationOf(fields)),
      });
      /** When each event came. */
      const seenAt: number[] = [];
      const read = (async () => {
        for await (const _ of events) seenAt.push(clock.now());
      })();
      const longestSilence = () => {
        const all = [...seenAt, clock.now()];
        return Math.max(...all.slice(1).map((at, index) => at - all[index]!));
      };
      return { source, read, seenAt, longestSilence };
    };
    const answer = async (beginMs: number, fields: Parameters<typeof generationOf>[0] = {}) => {
      const { source, read } = ask(fields);
      await clock.advance(beginMs);
      for (let token = 0; token < 5; token++) {
        source.push(textEvent("a", []));
        await clock.advance(100);
      }
      source.close();
      await read;
    };
    return { clock, ask, answer };
  }

  test("before its first token is silent from five seconds beyond what is usual", async () => {
    const { clock, ask, answer } = serve();
    for (let index = 0; index < 5; index++) await answer(1000);
    const { source, read, seenAt, longestSilence } = ask();
    const since = clock.now();
    await clock.advance(5500);
    expect(longestSilence()).toBeLessThan(500);
    await clock.advance(4500);
    expect(seenAt.at(-1)! - since).toBeLessThan(8500);
    expect(longestSilence()).toBeGreaterThan(1500);
    // Where no other node can take it, it waits, and is never silent for ten seconds.
    await clock.advance(60_000);
    expect(longestSilence()).toBeLessThan(8000);
    source.close();
    await read;
  });

  test("in the middle of an answer is silent from four seconds on", async () => {
    const { clock, ask } = serve();
    const { source, read, longestSilence } = ask();
    source.push(textEvent("a", []));
    await clock.advance(4000);
    expect(longestSilence()).toBeLessThan(500);
    await clock.advance(5500);
    expect(longestSilence()).toBeGreaterThan(5000);
    source.close();
    await read;
  });

  test.each([
    { because: "nothing is known of it yet", before: 0, fields: {} },
    { because: "long prompts take longer", before: 5, fields: said("x".repeat(100_000)) },
    { because: "calls may come only when they are complete", before: 5, fields: { tools: [{ name: "f" }] } },
  ])("is not suspected while $because", async ({ before, fields }) => {
    const { clock, ask, answer } = serve();
    for (let index = 0; index < before; index++) await answer(1000);
    const { source, read, longestSilence } = ask(fields);
    await clock.advance(60_000);
    expect(longestSilence()).toBeLessThan(500);
    source.close();
    await read;
  });

  test("is not suspected when it may have unloaded the model", async () => {
    const { clock, ask, answer } = serve();
    for (let index = 0; index < 5; index++) await answer(1000);
    await clock.advance(130_000);
    const { source, read, longestSilence } = ask();
    await clock.advance(60_000);
    expect(longestSilence()).toBeLessThan(500);
    source.close();
    await read;
  });
});
