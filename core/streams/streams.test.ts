import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Channel } from "./channel.ts";
import { linkSignal } from "./link-signal.ts";
import { pushTo } from "./push.ts";
import { scoped } from "./scoped.ts";
import { untilAborted } from "./until-aborted.ts";

describe("a channel", () => {
  test("gives out what was pushed, in order, whether reading runs ahead of writing or behind it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), async (writes) => {
        const channel = new Channel<number>({ capacity: 1000 });
        const read: number[] = [];
        const reader = (async () => {
          for await (const value of channel) read.push(value);
        })();
        let pushed = 0;
        for (const write of writes) {
          if (write) expect(channel.push(pushed++)).toBe(true);
          else await Promise.resolve();
        }
        channel.close();
        await reader;
        expect(read).toEqual(Array.from({ length: pushed }, (_, index) => index));
      }),
    );
  });

  test("takes no more than its capacity, and one value even when that is larger", () => {
    const channel = new Channel<string>({ capacity: 5, sizeOf: (text) => text.length });
    expect(channel.push("a long one")).toBe(true);
    expect(channel.push("x")).toBe(false);
    expect(channel.size).toBe(10);
  });

  test("combines what waits", async () => {
    const channel = new Channel<string>({
      capacity: 100,
      merge: (last, next) => (last.endsWith(".") ? undefined : last + next),
    });
    for (const piece of ["a", "b.", "c"]) channel.push(piece);
    channel.close();
    expect(await Array.fromAsync(channel)).toEqual(["ab.", "c"]);
  });

  test("gives out what waits before it fails, and fails once", async () => {
    const channel = new Channel<number>({ capacity: 9 });
    channel.push(1);
    channel.fail(new Error("broken"));
    expect(channel.push(2)).toBe(false);
    expect(await channel.next()).toEqual({ value: 1, done: false });
    await expect(channel.next()).rejects.toThrow("broken");
    expect(await channel.next()).toEqual({ value: undefined, done: true });
  });

  test("tells when the reader leaves early, and only then", async () => {
    let left = 0;
    const make = () => new Channel<number>({ capacity: 9, onLeave: () => left++ });
    const early = make();
    early.push(1);
    for await (const _ of early) break;
    expect(left).toBe(1);
    expect(early.push(2)).toBe(false);
    const whole = make();
    whole.push(1);
    whole.close();
    expect(await Array.fromAsync(whole)).toEqual([1]);
    await whole.return();
    expect(left).toBe(1);
  });
});

describe("pushing", () => {
  const sources = {
    "a channel": async (values: number[], failure?: Error) => {
      const channel = new Channel<number>({ capacity: 100 });
      const [first = 0, ...rest] = values;
      channel.push(first);
      // The others come while it is being pushed.
      queueMicrotask(() => {
        for (const value of rest) channel.push(value);
        if (failure === undefined) channel.close();
        else channel.fail(failure);
      });
      return channel;
    },
    "any other iterator": async (values: number[], failure?: Error) =>
      (async function* () {
        yield* values;
        if (failure !== undefined) throw failure;
      })(),
  };

  describe.each(Object.entries(sources))("%s", (_, open) => {
    test("hands over every value in order, then says that it ended", async () => {
      const taken: number[] = [];
      expect(await pushTo(await open([1, 2, 3, 4]), { take: (value) => taken.push(value) > 0 })).toBe(
        "ended",
      );
      expect(taken).toEqual([1, 2, 3, 4]);
    });

    test("stops when told, and goes on from there", async () => {
      const source = await open([1, 2, 3, 4]);
      const taken: number[] = [];
      const two = { take: (value: number) => taken.push(value) % 2 !== 0 };
      expect(await pushTo(source, two)).toBe("stopped");
      expect(taken).toEqual([1, 2]);
      expect((await source.next()).value).toBe(3);
      expect(await pushTo(source, two)).toBe("ended");
      expect(taken).toEqual([1, 2, 4]);
    });

    test("rejects with what the source fails with, after what came before", async () => {
      const taken: number[] = [];
      await expect(
        pushTo(await open([1, 2], new Error("broken")), { take: (value) => taken.push(value) > 0 }),
      ).rejects.toThrow("broken");
      expect(taken).toEqual([1, 2]);
    });

    test("rejects with what the sink throws, and the source ends", async () => {
      const source = await open([1, 2, 3]);
      await expect(
        pushTo(source, {
          take() {
            throw new Error("no");
          },
        }),
      ).rejects.toThrow("no");
      expect((await source.next()).done).toBe(true);
    });
  });

  test("a channel whose sink throws tells its writer, whose push goes on unharmed", async () => {
    let left = 0;
    const channel = new Channel<number>({ capacity: 9, onLeave: () => left++ });
    const pushed = pushTo(channel, {
      take() {
        throw new Error("no");
      },
    });
    await Promise.resolve();
    expect(channel.push(1)).toBe(true);
    await expect(pushed).rejects.toThrow("no");
    expect(left).toBe(1);
    expect(channel.push(2)).toBe(false);
  });

  test("a sink that makes its own source end is not called again", async () => {
    const channel = new Channel<number>({ capacity: 9 });
    channel.push(1);
    channel.push(2);
    const taken: number[] = [];
    const pushed = await pushTo(channel, {
      take(value) {
        taken.push(value);
        void channel.return();
        return true;
      },
    });
    expect(pushed).toBe("ended");
    expect(taken).toEqual([1]);
  });
});

describe("scoped", () => {
  test("aborts what it opened when the reader leaves, and lets go of the outer signal", async () => {
    const outer = new AbortController();
    let inner: AbortSignal | undefined;
    const numbers = scoped(outer.signal, async function* (signal) {
      inner = signal;
      yield 1;
      yield 2;
    });
    for await (const _ of numbers) break;
    expect(inner?.aborted).toBe(true);
    expect(outer.signal.aborted).toBe(false);
  });

  test("passes the outer abort on, with its reason", async () => {
    const outer = new AbortController();
    const numbers = scoped(outer.signal, async function* (signal) {
      yield 1;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    await numbers.next();
    const waiting = numbers.next();
    outer.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

describe("a linked signal", () => {
  test("follows the outer one until it is unlinked", () => {
    const outer = new AbortController();
    const linked = linkSignal(outer.signal);
    const free = linkSignal(outer.signal);
    free.unlink();
    outer.abort(new Error("why"));
    expect(linked.signal.reason).toEqual(new Error("why"));
    expect(free.signal.aborted).toBe(false);
    expect(linkSignal(outer.signal).signal.aborted).toBe(true);
  });
});

describe("untilAborted", () => {
  test("rejects the waiting read at once, though the source never notices", async () => {
    const controller = new AbortController();
    const reader = untilAborted(
      (async function* () {
        yield 1;
        await new Promise(() => {});
      })(),
      controller.signal,
    );
    expect(await reader.next()).toEqual({ value: 1, done: false });
    const waiting = reader.next();
    controller.abort(new Error("stop"));
    await expect(waiting).rejects.toThrow("stop");
    await expect(reader.next()).rejects.toThrow("stop");
  });

  test("closes the source when the reader leaves", async () => {
    let closed = false;
    const source = (async function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        closed = true;
      }
    })();
    for await (const _ of untilAborted(source, new AbortController().signal)) break;
    expect(closed).toBe(true);
  });
});
