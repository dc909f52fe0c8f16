import { expect, test } from "vitest";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { heartbeat, StepWatch } from "./step-watch.ts";

const setUp = () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  return { clock, controller, watch: new StepWatch(controller.signal, clock) };
};

test("gives what the step gives", async () => {
  const { watch } = setUp();
  expect(await watch.wait(watch.begin(() => Promise.resolve(7)))).toBe(7);
  await expect(watch.wait(watch.begin(() => Promise.reject(new Error("broken"))))).rejects.toThrow("broken");
  expect(watch.unsettled).toBeUndefined();
});

test("a long step gives a heartbeat every 500 ms, and in the end its value", async () => {
  const { clock, watch } = setUp();
  const step = Promise.withResolvers<number>();
  void watch.begin(() => step.promise);
  for (let beats = 0; beats < 3; beats++) {
    const waiting = watch.wait(step.promise);
    await clock.advance(500);
    expect(await waiting).toBe(heartbeat);
    watch.shown();
  }
  const waiting = watch.wait(step.promise);
  step.resolve(1);
  expect(await waiting).toBe(1);
});

test("short steps give a heartbeat, too, when nothing was shown for long", async () => {
  const { clock, watch } = setUp();
  await watch.wait(watch.begin(() => Promise.resolve()));
  await clock.advance(450);
  const waiting = watch.wait(watch.begin(() => new Promise(() => {})));
  await clock.advance(50);
  expect(await waiting).toBe(heartbeat);
});

test("an abort ends the waiting at once and leaves the step behind", async () => {
  const { controller, watch } = setUp();
  const step = Promise.withResolvers<void>();
  const waiting = watch.wait(watch.begin(() => step.promise));
  controller.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  expect(watch.unsettled).toBe(step.promise);
  step.resolve();
  await step.promise;
  expect(watch.unsettled).toBeUndefined();
});

test("after an abort nothing is begun and nothing waited for", async () => {
  const { controller, watch } = setUp();
  const step = watch.begin(() => new Promise(() => {}));
  controller.abort(new Error("gone"));
  let begun = false;
  const work = async () => {
    begun = true;
  };
  expect(() => watch.begin(work)).toThrow("gone");
  expect(begun).toBe(false);
  await expect(watch.wait(step)).rejects.toThrow("gone");
  expect(watch.unsettled).toBe(step);
});

test("patience ends after 30 s", async () => {
  const { clock, watch } = setUp();
  const step = watch.begin(() => new Promise(() => {}));
  let beats = 0;
  const end = (async () => {
    while ((await watch.wait(step)) === heartbeat) {
      beats++;
      watch.shown();
    }
  })();
  end.catch(() => {});
  await clock.advance(30_000);
  await expect(end).rejects.toMatchObject({ kind: "engine_failed" });
  expect(beats).toBe(59);
});

test("closing lets go of time and of the signal", () => {
  const { clock, watch } = setUp();
  watch.close();
  expect(clock.pending).toBe(0);
});
