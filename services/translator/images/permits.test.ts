import { expect, test } from "vitest";
import { Permits } from "./image-fetcher.ts";

const { signal: never } = new AbortController();
const turn = () => new Promise(setImmediate);

/** Work that ends when the test says so. */
function held(permits: Permits, signal = never) {
  const gate = Promise.withResolvers<void>();
  const state = { begun: false };
  const done = permits.run(signal, () => {
    state.begun = true;
    return gate.promise;
  });
  return { state, done, end: gate.resolve, fail: gate.reject };
}

test("the limit may run at a time, and the longest waiting is next", async () => {
  const permits = new Permits(2, 10);
  const works = [held(permits), held(permits), held(permits), held(permits)];
  await turn();
  expect(works.map(({ state }) => state.begun)).toEqual([true, true, false, false]);
  works[1]!.end();
  await turn();
  expect(works.map(({ state }) => state.begun)).toEqual([true, true, true, false]);
  works[0]!.fail(new Error("broken"));
  await expect(works[0]!.done).rejects.toThrow("broken");
  await turn();
  expect(works[3]!.state.begun).toBe(true);
});

test("a waiter that gives up takes no turn", async () => {
  const permits = new Permits(1, 10);
  const first = held(permits);
  const controller = new AbortController();
  const leaver = held(permits, controller.signal);
  const last = held(permits);
  controller.abort(new Error("left"));
  await expect(leaver.done).rejects.toThrow("left");
  first.end();
  await turn();
  expect([leaver.state.begun, last.state.begun]).toEqual([false, true]);
});

test("waiters above the limit are told to retry", async () => {
  const permits = new Permits(1, 1);
  const works = [held(permits), held(permits)];
  await expect(held(permits).done).rejects.toMatchObject({ kind: "saturated", retryAfterMs: 1000 });
  for (const { end } of works) end();
  await Promise.all(works.map(({ done }) => done));
  const after = held(permits);
  await turn();
  expect(after.state.begun).toBe(true);
});
