import { expect, test } from "vitest";
import { Gate } from "./gate.ts";

test("everyone waits while someone needs to be alone", async () => {
  const gate = new Gate();
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<void>();
  const alone = gate.exclusive(() => first.promise);
  const alsoAlone = gate.exclusive(() => second.promise);
  const order: string[] = [];
  const passed = gate.open().then(() => order.push("passed"));
  expect(gate.isOpen).toBe(false);
  first.resolve("done");
  expect(await alone).toBe("done");
  order.push("first");
  second.resolve();
  await alsoAlone;
  order.push("second");
  await passed;
  expect(order).toEqual(["first", "second", "passed"]);
  expect(gate.isOpen).toBe(true);
});

test("work that fails opens the gate, too", async () => {
  const gate = new Gate();
  await expect(gate.exclusive(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await gate.open();
  expect(gate.isOpen).toBe(true);
});
