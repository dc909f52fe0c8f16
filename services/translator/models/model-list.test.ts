import { expect, test } from "vitest";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { modelOf } from "../../../test/support/translator/translator.ts";
import { cacheModels } from "./model-list.ts";

/** A list that counts how often it is asked and says what the test has put into `answer`. */
function counted() {
  const clock = new FakeClock();
  const state = { asked: 0, answer: async (): Promise<readonly Model[]> => [modelOf("a")] };
  const list = cacheModels(() => {
    state.asked++;
    return state.answer();
  }, clock);
  return { clock, state, list };
}

test("is asked once by all who wait, and again a second later", async () => {
  const { clock, state, list } = counted();
  await Promise.all([list(), list(), list()]);
  await clock.advance(999);
  await list();
  expect(state.asked).toBe(1);
  await clock.advance(1);
  expect((await list()).map(({ name }) => name)).toEqual(["a"]);
  expect(state.asked).toBe(2);
});

test("is asked again soon while there is no model", async () => {
  const { clock, state, list } = counted();
  state.answer = async () => [];
  expect(await list()).toEqual([]);
  state.answer = async () => [modelOf("a")];
  await clock.advance(100);
  expect(await list()).toHaveLength(1);
});

test("does not remember a failure, nor answer with what was true before it", async () => {
  const { clock, state, list } = counted();
  await list();
  await clock.advance(1000);
  state.answer = async () => {
    throw new Error("away");
  };
  await expect(list()).rejects.toThrow("away");
  state.answer = async () => [modelOf("b")];
  expect((await list()).map(({ name }) => name)).toEqual(["b"]);
});
