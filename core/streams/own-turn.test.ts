import { expect, test } from "vitest";
import { inOwnTurn, inTurnFor } from "./own-turn.ts";

test("long work runs in order, one piece in each turn of the event loop, whoever asks for it", async () => {
  let turn = 0;
  let watching = true;
  const count = () => {
    turn++;
    if (watching) setImmediate(count);
  };
  setImmediate(count);
  const ran: { piece: number; turn: number }[] = [];
  const ask = (piece: number) => inOwnTurn(() => ran.push({ piece, turn }));
  await Promise.all([ask(1), ask(2), ask(3).then(() => ask(5)), ask(4)]);
  watching = false;
  expect(ran.map(({ piece }) => piece)).toEqual([1, 2, 3, 4, 5]);
  expect(new Set(ran.map(({ turn }) => turn)).size).toBe(5);
});

test("work that throws rejects, and the next piece runs", async () => {
  const failed = inOwnTurn(() => {
    throw new Error("broken");
  });
  const next = inOwnTurn(() => "done");
  await expect(failed).rejects.toThrow("broken");
  expect(await next).toBe("done");
});

test("short work runs at once", () => {
  expect(inTurnFor(1000, () => "done")).toBe("done");
  expect(inTurnFor(1_000_000, () => "done")).toBeInstanceOf(Promise);
});
