import { describe, expect, test } from "vitest";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { createLog } from "../telemetry/log.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { EndSignal, ProcessHost } from "./run-service.ts";
import { hurryLimitMs, runService, samePressMs } from "./run-service.ts";

/** The system, played by the test. */
class FakeHost implements ProcessHost {
  readonly exits: number[] = [];
  readonly #signals = new Set<(signal: EndSignal) => void>();
  readonly #bugs = new Set<(error: unknown) => void>();

  onSignal(listener: (signal: EndSignal) => void): () => void {
    this.#signals.add(listener);
    return () => this.#signals.delete(listener);
  }

  onBug(listener: (error: unknown) => void): () => void {
    this.#bugs.add(listener);
    return () => this.#bugs.delete(listener);
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  signal(signal: EndSignal): void {
    for (const listener of this.#signals) listener(signal);
  }

  bug(error: unknown): void {
    for (const listener of this.#bugs) listener(error);
  }

  get listeners(): number {
    return this.#signals.size + this.#bugs.size;
  }
}

function run(start: (lifecycle: Lifecycle) => Promise<void> | void, graceMs = 30_000) {
  const host = new FakeHost();
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = createLog({
    service: "test",
    level: "debug",
    pretty: false,
    write: (line) => void lines.push(line),
  });
  const code = runService({ start: async (lifecycle) => start(lifecycle), log, graceMs, clock, host });
  return { host, clock, lines, code };
}

describe("a service", () => {
  test("that is asked to end drains and stops its parts, the last one first, and ends with 0", async () => {
    const order: string[] = [];
    const { host, code } = run(({ add }) => {
      for (const name of ["registry", "router", "translator"])
        add({
          name,
          drain: async (graceMs) => void order.push(`drain ${name} ${graceMs}`),
          stop: () => void order.push(`stop ${name}`),
        });
    });
    host.signal("SIGTERM");
    expect(await code).toBe(0);
    expect(order).toEqual([
      "drain translator 30000",
      "stop translator",
      "drain router 30000",
      "stop router",
      "drain registry 30000",
      "stop registry",
    ]);
    expect(host.listeners).toBe(0);
    expect(host.exits).toEqual([]);
  });

  test("that fails for good stops its parts without grace, and throws what happened", async () => {
    const order: string[] = [];
    let failing = (_error: Error) => {};
    const { host, code } = run(({ add, fail }) => {
      failing = fail;
      add({
        name: "node",
        drain: async (graceMs) => void order.push(`drain ${graceMs}`),
        stop: () => void order.push("stop"),
      });
    });
    await new Promise(setImmediate);
    failing(new Error("thrown out"));
    failing(new Error("a consequence"));
    await expect(code).rejects.toThrow("thrown out");
    expect(order).toEqual(["drain 0", "stop"]);
    expect(host.listeners).toBe(0);
  });

  test("gives all its parts one grace together", async () => {
    const graces: number[] = [];
    const { host, clock, code } = run(({ add }) => {
      add({ name: "second", drain: async (graceMs) => void graces.push(graceMs) });
      add({
        name: "first",
        drain: (graceMs) => new Promise((resolve) => void clock.after(graceMs / 3, resolve)),
      });
    });
    host.signal("SIGINT");
    await clock.advance(10_000);
    expect(await code).toBe(0);
    expect(graces).toEqual([20_000]);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "stops its parts without further grace at a second %s, and ends with %d",
    async (signal, exitCode) => {
      const order: string[] = [];
      const { host, clock, code } = run(({ add }) => {
        add({
          name: "router",
          drain: async () => void order.push("drain router"),
          stop: () => void order.push("stop router"),
        });
        add({
          name: "translator",
          drain: () => new Promise(() => {}),
          stop: () => void order.push("stop translator"),
        });
      });
      host.signal(signal);
      await clock.advance(samePressMs);
      expect(order).toEqual([]);
      host.signal(signal);
      expect(await code).toBe(exitCode);
      expect(order).toEqual(["stop translator", "stop router"]);
      expect(host.exits).toEqual([]);
      expect(clock.pending).toBe(0);
    },
  );

  test.each([
    { how: "a third signal comes", third: "SIGTERM" },
    { how: "a part does not stop", third: undefined },
  ] as const)("ends at once after a second signal when $how", async ({ third }) => {
    const { host, clock, code } = run(({ add }) => add({ name: "hangs", stop: () => new Promise(() => {}) }));
    for (let presses = 0; presses < 2; presses++) {
      host.signal("SIGTERM");
      await clock.advance(samePressMs);
    }
    expect(host.exits).toEqual([]);
    if (third === undefined) await clock.advance(hurryLimitMs);
    else host.signal(third);
    expect(host.exits).toEqual([143]);
    await clock.advance(20_000);
    await code;
  });

  test("keeps its grace however often it is told that its terminal was closed", async () => {
    const { host, clock, code } = run(({ add }) =>
      add({ name: "translator", drain: () => new Promise((resolve) => void clock.after(20_000, resolve)) }),
    );
    for (let count = 0; count < 3; count++) {
      host.signal("SIGHUP");
      await clock.advance(samePressMs);
    }
    await clock.advance(20_000);
    expect(await code).toBe(0);
    expect(host.exits).toEqual([]);
  });

  test("takes one Ctrl-C that arrives several times for one", async () => {
    const { host, clock, code } = run(() => {});
    host.signal("SIGINT");
    host.signal("SIGINT");
    await clock.advance(samePressMs - 1);
    host.signal("SIGINT");
    expect(await code).toBe(0);
    expect(host.exits).toEqual([]);
  });

  test("says what it waits for", async () => {
    const { host, clock, lines, code } = run(({ add }) =>
      add({ name: "translator", drain: () => new Promise((resolve) => void clock.after(6_000, resolve)) }),
    );
    host.signal("SIGINT");
    await clock.advance(6_000);
    await code;
    const said = lines.map((line) => JSON.parse(line).msg);
    expect(said[0]).toBe(
      "SIGINT: stopping; open answers may take up to 30 s to finish, a second Ctrl-C ends them at once",
    );
    expect(said).toContain("still waiting for the translator, for at most 25 s");
  });

  test("stops what is up when its start fails, and passes the failure on", async () => {
    const order: string[] = [];
    const failure = new Error("port in use");
    const { host, code } = run(({ add }) => {
      add({ name: "registry", stop: () => void order.push("stop registry") });
      throw failure;
    });
    await expect(code).rejects.toBe(failure);
    expect(order).toEqual(["stop registry"]);
    expect(host.listeners).toBe(0);
  });

  test("that is asked to end while it starts gives the start up and ends with 0", async () => {
    const { host, code } = run(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    );
    host.signal("SIGINT");
    expect(await code).toBe(0);
  });

  test("logs an error that nobody caught as a bug, stops in order and ends with 1", async () => {
    const order: string[] = [];
    const { host, lines, code } = run(({ add }) =>
      add({ name: "router", stop: () => void order.push("stop") }),
    );
    host.bug(new TypeError("x is undefined"));
    expect(await code).toBe(1);
    expect(order).toEqual(["stop"]);
    const bug = JSON.parse(lines[0]!);
    expect(bug).toMatchObject({ level: "fatal", err: { type: "TypeError", message: "x is undefined" } });
    expect(bug.msg).toContain("bug");
  });

  test("stops the other parts when one fails or hangs, and ends with 1", async () => {
    const order: string[] = [];
    const { host, clock, code } = run(({ add }) => {
      add({ name: "registry", stop: () => void order.push("stop registry") });
      add({ name: "hangs", stop: () => new Promise(() => {}) });
      add({ name: "fails", drain: () => Promise.reject(new Error("no")) });
    });
    host.signal("SIGINT");
    await clock.advance(60_000);
    expect(await code).toBe(1);
    expect(order).toEqual(["stop registry"]);
    expect(clock.pending).toBe(0);
  });
});
