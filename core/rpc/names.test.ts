import { beforeEach, describe, expect, test } from "vitest";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { Names } from "./names.ts";

let clock: FakeClock;
/** The lookups that the system has begun, to be answered by the test. */
let lookups: { host: string; answer(...addresses: string[]): void; fail(): void }[];
let names: Names;

beforeEach(() => {
  clock = new FakeClock();
  lookups = [];
  names = new Names({
    clock,
    lookUp: (host) =>
      new Promise((resolve, reject) => {
        const fail = () => reject(new Error("Nobody could be asked."));
        lookups.push({ host, answer: (...addresses) => resolve(addresses), fail });
      }),
  });
});

/** Looks for a host; `told` grows with what is found, and ends in "nothing" when that is all. */
function find(host = "mesh.example") {
  const told: string[] = [];
  void names.find(host, (addresses) => told.push(addresses.join(" "))).catch(() => told.push("nothing"));
  return told;
}

/** Has a host be found at an address. */
async function findAt(address: string, host = "mesh.example") {
  find(host);
  lookups.at(-1)!.answer(address);
  await clock.advance(0);
}

test("tells all addresses, in the system's order", async () => {
  const told = find();
  lookups[0]!.answer("2001:db8::1", "192.0.2.1");
  await clock.advance(0);
  expect([lookups[0]!.host, told]).toEqual(["mesh.example", ["2001:db8::1 192.0.2.1"]]);
});

test("an address is where it is", () => {
  expect([find("192.0.2.1"), find("::1"), lookups.length]).toEqual([["192.0.2.1"], ["::1"], 0]);
});

test("asks again each time: a host that moved is found where it is now, and only there", async () => {
  await findAt("192.0.2.1");
  const told = find();
  lookups[1]!.answer("192.0.2.2");
  await clock.advance(10_000);
  expect(told).toEqual(["192.0.2.2"]);
});

test("a host that was never found is waited for", async () => {
  const told = find();
  await clock.advance(10_000);
  expect(told).toEqual([]);
  lookups[0]!.fail();
  await clock.advance(0);
  expect(told).toEqual(["nothing"]);
});

describe("while no name server answers", () => {
  test("tells where the host was last, after half a second, and where it is once that is known", async () => {
    await findAt("192.0.2.1");
    const told = find();
    await clock.advance(499);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(["192.0.2.1"]);
    lookups[1]!.answer("192.0.2.2");
    await clock.advance(0);
    expect(told).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(clock.pending).toBe(0);
  });

  test("tells where the host was last at once when the lookup fails", async () => {
    await findAt("192.0.2.1");
    const told = find();
    lookups[1]!.fail();
    await clock.advance(0);
    expect(told).toEqual(["192.0.2.1"]);
    expect(clock.pending).toBe(0);
  });

  test("one lookup of a host runs at a time, and whoever comes later has waited already", async () => {
    await findAt("192.0.2.1");
    find();
    await clock.advance(5000);
    const late = find();
    await clock.advance(0);
    expect([late, lookups.length]).toEqual([["192.0.2.1"], 2]);
    lookups[1]!.answer("192.0.2.2");
    await clock.advance(0);
    expect(late).toEqual(["192.0.2.1", "192.0.2.2"]);
    find();
    expect(lookups).toHaveLength(3);
  });

  test("one host's lookup holds up no other", async () => {
    find("a.example");
    const told = find("b.example");
    lookups[1]!.answer("192.0.2.2");
    await clock.advance(0);
    expect(told).toEqual(["192.0.2.2"]);
  });
});

test("remembers a thousand hosts, and forgets the one that was found first", async () => {
  for (let number = 0; number <= 1000; number++) await findAt("192.0.2.1", `host-${number}.example`);
  const [forgotten, remembered] = [find("host-0.example"), find("host-1.example")];
  await clock.advance(1000);
  expect([forgotten, remembered]).toEqual([[], ["192.0.2.1"]]);
});
