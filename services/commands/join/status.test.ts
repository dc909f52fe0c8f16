import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLog, silentLog } from "../../../core/telemetry/log.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { followStatus, TokenRate, toStatus } from "./status.ts";
import { createProgress, StatusLine, toBar } from "./status-line.ts";
import { Totals, totalsFile } from "./totals.ts";

/** A terminal that understands as much as the status line uses: line breaks, returns, up, and clearing below. */
class FakeTerminal {
  columns: number | undefined = 40;
  writes = 0;
  #rows: string[] = [""];
  #row = 0;
  #column = 0;

  write(text: string): void {
    this.writes++;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what moves the cursor.
    for (const [sequence] of text.matchAll(/\u001b\[A|\u001b\[J|[\s\S]/g)) this.#take(sequence);
  }

  /** What a person sees. */
  get screen(): string[] {
    return this.#rows.map((row) => row.trimEnd());
  }

  #take(sequence: string): void {
    if (sequence === "\u001b[A") this.#row = Math.max(0, this.#row - 1);
    else if (sequence === "\u001b[J") {
      this.#rows = this.#rows.slice(0, this.#row + 1);
      this.#rows[this.#row] = this.#rows[this.#row]!.slice(0, this.#column);
    } else if (sequence === "\r") this.#column = 0;
    else if (sequence === "\n") this.#next();
    else {
      if (this.#column >= this.columns!) this.#next();
      const row = this.#rows[this.#row]!.padEnd(this.#column);
      this.#rows[this.#row] = row.slice(0, this.#column) + sequence + row.slice(this.#column + 1);
      this.#column++;
    }
  }

  #next(): void {
    this.#row++;
    this.#column = 0;
    this.#rows[this.#row] ??= "";
  }
}

describe("the status line", () => {
  test("is replaced in place, and other lines go by above it", () => {
    const terminal = new FakeTerminal();
    const line = new StatusLine(terminal);
    line.show("1 model, a long text");
    line.show("2 models");
    line.above(() => terminal.write("a log line\nand another\n"));
    line.show("3 models");
    expect(terminal.screen).toEqual(["a log line", "and another", "3 models"]);
  });

  test("is cut to the terminal, and leaves nothing behind when it gets narrower", () => {
    const terminal = new FakeTerminal();
    const line = new StatusLine(terminal);
    line.show("x".repeat(100));
    expect(terminal.screen).toEqual(["x".repeat(39)]);
    // The terminal wraps what it shows, and the cursor is at the end of it.
    const narrow = new FakeTerminal();
    narrow.columns = 20;
    const wrapped = new StatusLine(narrow);
    narrow.columns = 40;
    wrapped.show("y".repeat(39));
    narrow.columns = 20;
    narrow.write(`\r\u001b[J${"y".repeat(39)}`);
    wrapped.show("short");
    expect(narrow.screen).toEqual(["short"]);
  });

  test("that has ended is gone, and stays so", () => {
    const terminal = new FakeTerminal();
    const line = new StatusLine(terminal);
    line.show("something");
    line.end();
    line.show("again");
    line.above(() => terminal.write("the last word\n"));
    expect(terminal.screen).toEqual(["the last word", ""]);
  });

  test("is not drawn when it would look the same, and carries no control characters", () => {
    const terminal = new FakeTerminal();
    const line = new StatusLine(terminal);
    line.show("a\u001b[2Jb\nc");
    line.show("a\u001b[2Jb\nc");
    expect(terminal.writes).toBe(1);
    expect(terminal.screen).toEqual(["a[2Jb c"]);
  });
});

test.each([
  {
    facts: {
      trouble: undefined,
      models: 1,
      active: 0,
      waiting: 0,
      tokensPerSecond: 0,
      given: { answers: 0, tokens: 0 },
      allTime: undefined,
    },
    text: "1 model · 0 active · 0.0 tokens/s · earned 0 tokens in 0 answers",
  },
  {
    facts: {
      trouble: "Update cxmpute on the router: it speaks version 1.",
      models: 2,
      active: 3,
      waiting: 1,
      tokensPerSecond: 1234.5,
      given: { answers: 1, tokens: 45_678 },
      allTime: { answers: 1001, tokens: 1_234_567 },
    },
    text: "Update cxmpute on the router: it speaks version 1 · 2 models · 3 active, 1 waiting · 1,235 tokens/s · earned 45,678 tokens in 1 answer · all time 1,234,567 in 1,001",
  },
])("the status reads: $text", ({ facts, text }) => {
  expect(toStatus(facts)).toBe(text);
});

test("the rate is that of the last ten seconds", () => {
  const rate = new TokenRate();
  const rates = Array.from({ length: 61 }, (_, half) =>
    rate.sample(half * 500, half <= 20 ? half * 50 : 1000),
  );
  expect(rates[0]).toBe(0);
  expect(rates[20]).toBe(100);
  expect(rates[30]).toBe(50);
  expect(rates[40]).toBe(0);
});

test("a counter that goes back is no negative rate", () => {
  const rate = new TokenRate();
  rate.sample(0, 100);
  expect(rate.sample(1000, 90)).toBe(0);
});

describe("progress", () => {
  test("is a bar on a terminal that goes when all is there", () => {
    const terminal = new FakeTerminal();
    terminal.columns = 80;
    const show = createProgress({ line: new StatusLine(terminal), log: silentLog, clock: new FakeClock() });
    show("loading m", 0.5);
    expect(terminal.screen).toEqual([toBar("loading m", 0.5)]);
    expect(toBar("loading m", 0.5)).toBe("loading m  [###############---------------]   50 %");
    show("loading m", 1);
    expect(terminal.screen).toEqual([""]);
  });

  test("is a line of the log for each tenth elsewhere, and none for what is quick", async () => {
    const lines: { percent: number; msg: string }[] = [];
    const log = createLog({ service: "x", pretty: false, write: (line) => lines.push(JSON.parse(line)) });
    const clock = new FakeClock();
    const show = createProgress({ line: undefined, log, clock });
    for (let share = 0; share <= 1; share += 0.1) show("loading small", share);
    for (let share = 0; share <= 1.001; share += 0.01) {
      await clock.advance(200);
      show("loading large", share);
    }
    expect(lines.map(({ percent, msg }) => `${msg} ${percent}`)).toEqual(
      [10, 20, 30, 40, 50, 60, 70, 80, 90, 100].map((percent) => `loading large ${percent}`),
    );
  });
});

describe("totals", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cxmpute-totals-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("outlive the process, and add up over two nodes that share a folder", () => {
    const one = new Totals(folder);
    const other = new Totals(folder);
    one.save({ answers: 1, tokens: 10 });
    other.save({ answers: 2, tokens: 20 });
    one.save({ answers: 3, tokens: 30 });
    expect(one.with({ answers: 3, tokens: 30 })).toEqual({ answers: 5, tokens: 50 });
    expect(new Totals(folder).with({ answers: 1, tokens: 1 })).toEqual({ answers: 6, tokens: 51 });
    expect(JSON.parse(readFileSync(totalsFile(folder), "utf8"))).toEqual({ answers: 5, tokens: 50 });
  });

  test("begin anew when the file makes no sense", () => {
    writeFileSync(totalsFile(folder), '{"answers": -1}');
    const totals = new Totals(folder);
    totals.save({ answers: 1, tokens: 2 });
    expect(new Totals(folder).with({ answers: 0, tokens: 0 })).toEqual({ answers: 1, tokens: 2 });
  });

  test("are drawn twice a second, saved each minute and at the end", async () => {
    const clock = new FakeClock();
    const terminal = new FakeTerminal();
    terminal.columns = 200;
    const counters = { answers: 0, failures: 0, tokens: 0 };
    const node = {
      models: [],
      trouble: undefined,
      get counters() {
        return { ...counters };
      },
      load: { current: () => ({ models: [{ running: 2, waiting: 0 }] }) },
    };
    const ending = new AbortController();
    const status = {
      node,
      line: new StatusLine(terminal),
      totals: new Totals(folder),
      clock,
      log: silentLog,
    };
    const following = followStatus(status as never, ending.signal);
    counters.tokens = 100;
    await clock.advance(500);
    expect(terminal.screen.join()).toContain("2 active · 200 tokens/s · earned 100 tokens");
    counters.answers = 1;
    await clock.advance(60_000);
    expect(new Totals(folder).with({ answers: 0, tokens: 0 })).toEqual({ answers: 1, tokens: 100 });
    counters.answers = 2;
    ending.abort();
    await following;
    expect(new Totals(folder).with({ answers: 0, tokens: 0 })).toEqual({ answers: 2, tokens: 100 });
    expect(terminal.screen).toEqual([""]);
  });
});
