import { expect, test } from "vitest";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { Slots } from "./slots.ts";

function makeSlots(slots: number, queueLimit: number) {
  const clock = new FakeClock();
  const changes: string[] = [];
  const made: Slots = new Slots({
    model: "m",
    slots,
    queueLimit,
    clock,
    onChange: () => changes.push(`${made.running}+${made.waiting}`),
  });
  return { slots: made, clock, changes };
}

const ignore = () => {};

test("a place runs at once while a slot is free, and waits otherwise", () => {
  const { slots, changes } = makeSlots(2, 8);
  expect([slots.take(ignore), slots.take(ignore), slots.take(ignore)].map(({ running }) => running)).toEqual([
    true,
    true,
    false,
  ]);
  expect(changes).toEqual(["1+0", "2+0", "2+1"]);
});

test("a freed slot passes in the same turn to the one that waits longest", () => {
  const { slots } = makeSlots(1, 8);
  const moved: string[] = [];
  const first = slots.take(ignore);
  slots.take(() => moved.push("second"));
  slots.take(() => moved.push("third"));
  first.release();
  expect(moved).toEqual(["second"]);
  expect([slots.running, slots.waiting]).toEqual([1, 1]);
});

test("answers that another node has begun come first, and no more of them than eight times the queue wait", () => {
  const { slots } = makeSlots(1, 2);
  const moved: string[] = [];
  const first = slots.take(ignore);
  slots.take(() => moved.push("new"));
  for (let waiting = 0; waiting < 16; waiting++) slots.take(() => moved.push("continued"), true);
  expect(() => slots.take(ignore, true)).toThrow(
    expect.objectContaining({ kind: "saturated", message: expect.stringContaining("16 generations wait") }),
  );
  first.release();
  expect(moved).toEqual(["continued"]);
  expect([slots.running, slots.waiting]).toEqual([1, 16]);
});

test("one that leaves the queue is passed over and frees its place there", () => {
  const { slots } = makeSlots(1, 2);
  const moved: string[] = [];
  const first = slots.take(ignore);
  const second = slots.take(() => moved.push("second"));
  slots.take(() => moved.push("third"));
  second.release();
  expect(slots.waiting).toBe(1);
  first.release();
  expect(moved).toEqual(["third"]);
});

test("answers begun elsewhere come before those that are not begun, and are never refused", () => {
  const { slots } = makeSlots(1, 1);
  const moved: string[] = [];
  const first = slots.take(ignore);
  const fresh = slots.take(() => moved.push("fresh"));
  const begun = [1, 2, 3].map((number) => slots.take(() => moved.push(`begun ${number}`), true));
  expect(slots.waiting).toBe(4);
  begun[1]?.release();
  first.release();
  begun[0]?.release();
  begun[2]?.release();
  expect(moved).toEqual(["begun 1", "begun 3", "fresh"]);
  expect([fresh.running, slots.running, slots.waiting]).toEqual([true, 1, 0]);
});

test("releasing again changes nothing", () => {
  const { slots } = makeSlots(1, 2);
  const first = slots.take(ignore);
  const second = slots.take(ignore);
  first.release();
  first.release();
  expect([second.running, slots.running, slots.waiting]).toEqual([true, 1, 0]);
});

test("a full queue refuses with the time after which it should have moved", async () => {
  const { slots, clock } = makeSlots(1, 1);
  const first = slots.take(ignore);
  const second = slots.take(ignore);
  await clock.advance(101_000);
  first.release();
  slots.take(ignore);
  expect(() => slots.take(ignore)).toThrow(
    expect.objectContaining({
      kind: "saturated",
      // The mean began at 1 s and has seen one generation of 101 s at a weight of a tenth.
      retryAfterMs: 11_000,
      message: "All 1 slots for `m` on this node are busy and 1 generations wait already. Try again later.",
    }),
  );
  expect(second.running).toBe(true);
});

test("more slots let waiting ones run; fewer let what runs go on", () => {
  const { slots } = makeSlots(1, 8);
  const moved: number[] = [];
  const places = [0, 1, 2, 3].map((index) => slots.take(() => moved.push(index)));
  slots.resize(3);
  expect(moved).toEqual([1, 2]);
  slots.resize(1);
  expect([slots.running, slots.waiting]).toEqual([3, 1]);
  places[0]?.release();
  places[1]?.release();
  expect(moved).toEqual([1, 2]);
  places[2]?.release();
  expect(moved).toEqual([1, 2, 3]);
});
