import { expect, test } from "vitest";
import { Call, type StartAnswer } from "../../../core/answers/call.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { generationOf } from "../../../test/support/router/router.ts";
import { deadline } from "./deadline.ts";

const never: StartAnswer = () => new Promise(() => {});

test("counts from when the generation came, and says how long was given", async () => {
  const clock = new FakeClock();
  const call = new Call(generationOf({ limits: { timeoutMs: 700 } }), clock.now());
  void deadline({ clock })(never)(call);
  await clock.advance(699);
  expect(call.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(call.signal.reason).toMatchObject({ kind: "deadline", message: expect.stringContaining("700 ms") });
});

test.each([
  { callerMs: undefined, meshMs: 900, expected: 900 },
  { callerMs: 700, meshMs: 900, expected: 700 },
  { callerMs: 900, meshMs: 700, expected: 700 },
])(
  "of the caller's $callerMs ms and the mesh's $meshMs ms the shorter counts",
  async ({ callerMs, meshMs, expected }) => {
    const clock = new FakeClock();
    const limits = callerMs === undefined ? {} : { timeoutMs: callerMs };
    const call = new Call(generationOf({ limits }), clock.now());
    void deadline({ clock, answerTimeoutMs: meshMs })(never)(call);
    await clock.advance(expected - 1);
    expect(call.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(call.signal.reason).toMatchObject({ message: expect.stringContaining(`${expected} ms`) });
  },
);

test("sets no timer beyond what timers can count, which would ring at once", () => {
  const delays: number[] = [];
  const clock = new FakeClock();
  const recording = {
    now: () => 0,
    wallTime: () => 0,
    every: () => ({ cancel() {} }),
    after(delayMs: number, callback: () => void) {
      delays.push(delayMs);
      return clock.after(delayMs, callback);
    },
  };
  void deadline({ clock: recording })(never)(
    new Call(generationOf({ limits: { timeoutMs: 4_294_967_295 } }), 0),
  );
  expect(delays).toEqual([2_147_483_647]);
});

test("needs no timer without a limit", () => {
  const clock = new FakeClock();
  void deadline({ clock })(never)(new Call(generationOf(), 0));
  expect(clock.pending).toBe(0);
});
