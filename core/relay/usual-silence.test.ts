import { describe, expect, test } from "vitest";
import { OwnTime } from "./own-time.ts";
import { UsualSilence } from "./usual-silence.ts";

describe("the usual silence of a peer", () => {
  const limitAfter = (gaps: readonly number[], laterMs = 0) => {
    const usual = new UsualSilence({ promisedMs: 500, patienceMs: 1500 });
    let now = 0;
    for (const gap of gaps) {
      now += gap;
      usual.learn(gap, now);
    }
    return Math.round(usual.limitMs(now + laterMs));
  };

  test.each([
    { what: "a calm peer", gaps: Array.from({ length: 100 }, (_, index) => 20 + 5 * index), limit: 1500 },
    { what: "a peer that is a little late", gaps: [520, 610, 540, 700, 505], limit: 1500 },
    { what: "one accident", gaps: [500, 9000, 500, 500], limit: 1500 },
    { what: "a machine overcommitted several times", gaps: [900, 2200, 700, 1900, 1200], limit: 3800 },
    { what: "stops of 4 s", gaps: [4000, 1000, 4000, 1000, 4000], limit: 8000 },
    { what: "a machine that hardly runs, which counts as 10 s", gaps: [15_000, 12_000], limit: 17_500 },
  ])("of $what is $limit ms", ({ gaps, limit }) => {
    const learned = limitAfter(gaps);
    // What came earlier counts a little less.
    expect(learned).toBeLessThanOrEqual(limit);
    expect(learned).toBeGreaterThan(0.9 * limit);
  });

  test("fades, by half in a minute", () => {
    expect(limitAfter([4000, 4000], 60_000)).toBeGreaterThan(3800);
    expect(limitAfter([4000, 4000], 60_000)).toBeLessThanOrEqual(4000);
    expect(limitAfter([4000, 4000], 300_000)).toBe(1500);
  });
});

describe("own time", () => {
  test("is the clock's while the process runs", () => {
    const own = new OwnTime(250, 1000);
    for (let now = 1250; now <= 3000; now += 250) expect(own.look(now)).toBe(true);
    expect(own.at(3100)).toBe(2100);
  });

  test("stands still while it does not run, and says that what was sent meanwhile is still unread", () => {
    const own = new OwnTime(250, 0);
    own.look(250);
    expect(own.look(10_000)).toBe(false);
    expect(own.at(10_000)).toBe(500);
    expect(own.look(10_250)).toBe(true);
    expect(own.at(10_250)).toBe(750);
  });

  test("passes slowly for a process that gets a fifth of a core: ten seconds of silence are less than three", () => {
    const own = new OwnTime(250, 0);
    for (let now = 1000; now <= 10_000; now += 1000) own.look(now);
    expect(own.at(10_000)).toBe(2500);
  });
});
