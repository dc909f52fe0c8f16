import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
  GenerationSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type ClientBound, ClientBoundSchema } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { MeshError } from "../errors/mesh-error.ts";
import type { Generate } from "../generate.ts";
import { Channel } from "../streams/channel.ts";
import { openRelay } from "./client.ts";
import type { RelayClientOptions } from "./contract.ts";
import { EncodedEvent } from "./encoded-event.ts";
import { serveRelay } from "./server.ts";

const started = create(GenerationEventSchema, { event: { case: "started", value: { nodeId: "n" } } });
const finished = create(GenerationEventSchema, {
  event: { case: "finished", value: { reason: FinishReason.STOP } },
});
const delta = (text: string, tokenId = 1) =>
  create(GenerationEventSchema, { event: { case: "delta", value: { text, tokenIds: [tokenId] } } });
const generation = (id: string): Generation => create(GenerationSchema, { id });
const never = new AbortController().signal;

/** A relay whose two ends share a process; `frames` records what crossed towards the client. */
function relay(
  generate: Generate,
  {
    closing,
    ...options
  }: Pick<RelayClientOptions, "watchGenerations" | "mayMove"> & { closing?: AbortSignal } = {},
) {
  const ends = closing === undefined ? {} : { closing };
  const clock = new FakeClock();
  const frames: ClientBound[] = [];
  const client = openRelay({
    ...options,
    clock,
    exchange: async function* (outgoing, signal) {
      for await (const frame of serveRelay({ generate, frames: outgoing, signal, clock, ...ends })) {
        frames.push(frame);
        yield frame;
      }
    },
  });
  return { client, clock, frames };
}

/** A relay whose other side says only what the test has it say. */
function silentRelay(mayMove?: RelayClientOptions["mayMove"]) {
  const clock = new FakeClock();
  const frames = new Channel<ClientBound>({ capacity: 100 });
  const client = openRelay({
    clock,
    watchGenerations: true,
    ...(mayMove === undefined ? {} : { mayMove }),
    exchange: async function* (_, signal) {
      signal.addEventListener("abort", () => frames.fail(signal.reason));
      yield* frames;
    },
  });
  const say = (streamId: number, event: GenerationEvent) =>
    frames.push(create(ClientBoundSchema, { streams: [{ streamId, events: [event] }] }));
  return { clock, client, say };
}

/** An engine told from outside: one channel for each generation id. */
function scripted() {
  const channels = new Map<string, Channel<GenerationEvent>>();
  const opened = new Channel<string>({ capacity: 100 });
  const aborted = new Channel<string>({ capacity: 100 });
  const generate: Generate = ({ id }, signal) => {
    const channel = new Channel<GenerationEvent>({ capacity: 1_000_000 });
    channels.set(id, channel);
    signal.addEventListener("abort", () => {
      aborted.push(id);
      channel.fail(signal.reason);
    });
    opened.push(id);
    return channel;
  };
  return { generate, channels, opened, aborted };
}

const textOf = (events: GenerationEvent[]) =>
  events.map(({ event }) => (event.case === "delta" ? event.value.text : "")).join("");

describe("a relay", () => {
  test("carries many generations side by side, each in its own order", async () => {
    const { client } = relay(async function* ({ id }) {
      yield started;
      for (let index = 0; index < 50; index++) {
        yield delta(`${id}:${index} `, index);
        if (index % 7 === 0) await new Promise(setImmediate);
      }
      yield finished;
    });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        Array.fromAsync(client.generate(generation(`g${index}`), never)),
      ),
    );
    answers.forEach((events, index) => {
      expect(textOf(events)).toBe(Array.from({ length: 50 }, (_, n) => `g${index}:${n} `).join(""));
      expect(events.flatMap(({ event }) => (event.case === "delta" ? event.value.tokenIds : []))).toEqual(
        Array.from({ length: 50 }, (_, n) => n),
      );
      expect(events[0]?.event.case).toBe("started");
      expect(events.at(-1)?.event.case).toBe("finished");
    });
    expect(client.open).toBe(0);
  });

  test("puts what one turn of the event loop produced into one frame", async () => {
    const { generate, channels, opened } = scripted();
    const { client, frames } = relay(generate);
    const readers = ["a", "b", "c"].map((id) => Array.fromAsync(client.generate(generation(id), never)));
    for (let count = 0; count < 3; count++) await opened.next();
    const before = frames.length;
    for (const channel of channels.values()) {
      channel.push(started);
      channel.push(delta("x"));
      channel.push(delta("y"));
      channel.push(finished);
      channel.close();
    }
    for (const reader of await Promise.all(readers)) expect(textOf(reader)).toBe("xy");
    expect(frames.length - before).toBe(1);
    const news = frames.at(-1)?.streams;
    expect(news?.length).toBe(3);
    expect(news?.[0]?.events.map(({ event }) => event.case)).toEqual(["started", "delta", "finished"]);
  });

  test("passes a failure across with everything that it says", async () => {
    const { client } = relay(async function* () {
      yield started;
      throw new MeshError("rate_limited", "Too fast.", { code: "slow_down", param: "n", retryAfterMs: 1200 });
    });
    await expect(Array.fromAsync(client.generate(generation("g"), never))).rejects.toMatchObject({
      kind: "rate_limited",
      message: "Too fast.",
      code: "slow_down",
      param: "n",
      retryAfterMs: 1200,
    });
  });

  test("masks a bug of the other side", async () => {
    const { client } = relay(async function* () {
      yield started;
      throw new TypeError("secret detail");
    });
    await expect(Array.fromAsync(client.generate(generation("g"), never))).rejects.toMatchObject({
      kind: "internal",
      message: expect.not.stringContaining("secret"),
    });
  });

  test.each(["abort", "leave"] as const)(
    "cancels on the other side when the caller would %s",
    async (how) => {
      const { generate, channels, opened, aborted } = scripted();
      const { client } = relay(generate);
      const caller = new AbortController();
      const events = client.generate(generation("g"), caller.signal)[Symbol.asyncIterator]();
      const first = events.next();
      await opened.next();
      channels.get("g")?.push(started);
      expect((await first).value?.event.case).toBe("started");
      if (how === "abort") {
        const waiting = events.next();
        caller.abort(new MeshError("cancelled", "gone"));
        await expect(waiting).rejects.toMatchObject({ message: "gone" });
      } else await events.return?.();
      expect((await aborted.next()).value).toBe("g");
      expect(client.open).toBe(0);
    },
  );

  test("never sends a start that was cancelled in the same turn", async () => {
    const { generate, opened } = scripted();
    const { client } = relay(generate);
    const caller = new AbortController();
    const first = client.generate(generation("never"), caller.signal)[Symbol.asyncIterator]().next();
    caller.abort(new MeshError("cancelled", "gone"));
    await expect(first).rejects.toMatchObject({ kind: "cancelled" });
    void client.generate(generation("next"), never)[Symbol.asyncIterator]().next();
    expect((await opened.next()).value).toBe("next");
  });

  test("merges for a slow reader, and cancels the generation of one that falls behind too far", async () => {
    const { generate, channels, opened, aborted } = scripted();
    const { client } = relay(generate);
    const slow = client.generate(generation("slow"), never)[Symbol.asyncIterator]();
    const quick = Array.fromAsync(client.generate(generation("quick"), never));
    const first = slow.next();
    await opened.next();
    await opened.next();
    channels.get("slow")?.push(started);
    await first;
    const piece = "x".repeat(1000);
    for (let count = 0; count < 1100 && channels.get("slow")?.push(delta(piece)); count++)
      if (count % 100 === 0) await new Promise(setImmediate);
    channels.get("quick")?.push(started);
    channels.get("quick")?.push(finished);
    channels.get("quick")?.close();
    expect((await quick).length).toBe(2);
    expect((await aborted.next()).value).toBe("slow");
    const merged = await slow.next();
    expect(merged.value?.event.value).toHaveProperty("text", expect.stringMatching(/^x{100000,}$/));
    await expect(slow.next()).rejects.toMatchObject({ kind: "cancelled" });
  });

  test.each([
    { what: "a delta, merged for a slow reader", bytes: [0x12, 0x02, 0x0a, 0x7f] },
    { what: "neither delta nor anything else", bytes: [0x1a, 0x7f] },
  ])("fails only the generation whose event is $what and cannot be read", async ({ bytes }) => {
    const { generate, channels, opened, aborted } = scripted();
    const { client } = relay(generate);
    const broken = client.generate(generation("broken"), never)[Symbol.asyncIterator]();
    const whole = Array.fromAsync(client.generate(generation("whole"), never));
    const first = broken.next();
    await opened.next();
    await opened.next();
    for (const channel of channels.values()) channel.push(started);
    await first;
    channels.get("broken")?.push(delta("shown"));
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    channels.get("broken")?.push(new EncodedEvent(Buffer.from(bytes), 0, bytes.length));
    expect((await aborted.next()).value).toBe("broken");
    channels.get("whole")?.push(finished);
    channels.get("whole")?.close();
    expect((await whole).length).toBe(2);
    expect((await broken.next()).value?.event.case).toBe("delta");
    await expect(broken.next()).rejects.toMatchObject({ kind: "engine_failed" });
  });

  test("fails only the generation whose event cannot be written, and ends it in the engine", async () => {
    const { generate, channels, opened, aborted } = scripted();
    const { client } = relay(generate);
    const broken = Array.fromAsync(client.generate(generation("broken"), never));
    const whole = Array.fromAsync(client.generate(generation("whole"), never));
    broken.catch(() => {});
    await opened.next();
    await opened.next();
    for (const channel of channels.values()) channel.push(started);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    const usage = { promptTokens: -1 };
    channels
      .get("broken")
      ?.push(create(GenerationEventSchema, { event: { case: "finished", value: { usage } } }));
    expect((await aborted.next()).value).toBe("broken");
    await expect(broken).rejects.toMatchObject({ kind: "engine_failed" });
    channels.get("whole")?.push(finished);
    channels.get("whole")?.close();
    expect((await whole).length).toBe(2);
  });

  test("fails what is open, as lost, when nothing ever comes", async () => {
    const clock = new FakeClock();
    const client = openRelay({
      clock,
      exchange: async function* (_, signal) {
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        yield* [];
      },
    });
    const failed = expect(Array.fromAsync(client.generate(generation("g"), never))).rejects.toMatchObject({
      kind: "node_lost",
    });
    await clock.advance(6000);
    await failed;
    expect((await client.closed).kind).toBe("node_lost");
    await expect(Array.fromAsync(client.generate(generation("h"), never))).rejects.toMatchObject({
      kind: "node_lost",
    });
    expect(clock.pending).toBe(0);
  });

  test("waits half a minute for a silent peer, and loses all that is open of one cause, whoever spoke last", async () => {
    const { clock, client, say } = silentRelay();
    const causes = ["early", "late"].map((id) =>
      Array.fromAsync(client.generate(generation(id), never)).catch((error: unknown) => error),
    );
    // The one shows a sign of life 450 ms before the other; then the link is cut.
    for (const streamId of [1, 2]) {
      say(streamId, started);
      await clock.advance(450);
    }
    await clock.advance(2000);
    expect([client.suspected, client.open]).toEqual([true, 2]);
    await clock.advance(30_000);
    const [early, late] = await Promise.all(causes);
    expect(early).toBe(late);
    expect(early).toMatchObject({
      kind: "node_lost",
      // What its caller reads; the log has the cause.
      message: "The connection to the process that was answering was lost.",
      cause: { message: "The other side was silent for more than 30000 ms." },
    });
  });

  test("moves what others can take from a silent peer, one by one, and keeps the rest, which loses nothing", async () => {
    let room = 2;
    const asked: string[] = [];
    const { clock, client, say } = silentRelay(({ generation: { id }, hasBegun, silentMs }) => {
      asked.push(`${id} ${hasBegun} ${silentMs > 1500}`);
      return room > 0 && room-- > 0;
    });
    const reads = ["a", "b", "c"].map((id) =>
      Array.fromAsync(client.generate(generation(id), never)).catch((error: unknown) => error),
    );
    for (const streamId of [1, 2, 3]) say(streamId, started);
    say(1, delta("x"));
    await clock.advance(2000);
    expect(asked.slice(0, 3)).toEqual(["a true true", "b false true", "c false true"]);
    expect(await Promise.all(reads.slice(0, 2))).toMatchObject([
      { kind: "node_lost" },
      { kind: "node_lost" },
    ]);
    await clock.advance(5000);
    expect(new Set(asked.slice(3))).toEqual(new Set(["c false true"]));
    say(3, delta("y"));
    say(3, finished);
    expect(textOf((await reads[2]) as GenerationEvent[])).toBe("y");
    expect(client.suspected).toBe(false);
  });

  test("learns how long a peer is silent, suspects it later, and forgets that after minutes", async () => {
    const { clock, client, say } = silentRelay();
    void Array.fromAsync(client.generate(generation("g"), never)).catch(() => {});
    say(1, started);
    const suspectedAfter = async (silentMs: number) => {
      await clock.advance(silentMs);
      const { suspected } = client;
      say(1, delta(""));
      await clock.advance(1);
      return suspected;
    };
    expect(await suspectedAfter(4000)).toBe(true);
    // One silence may have been an accident.
    expect(await suspectedAfter(4000)).toBe(true);
    expect(await suspectedAfter(4000)).toBe(false);
    expect(await suspectedAfter(7000)).toBe(false);
    expect(await suspectedAfter(20_000)).toBe(true);
    for (let passedMs = 0; passedMs < 600_000; passedMs += 400) {
      await clock.advance(400);
      say(1, delta(""));
    }
    expect(await suspectedAfter(2000)).toBe(true);
  });

  test.each([
    { what: "has just finished", end: (channel: Channel<GenerationEvent>) => channel.push(finished) },
    {
      what: "has just failed",
      end: (channel: Channel<GenerationEvent>) => channel.fail(new MeshError("engine_failed", "It broke.")),
    },
  ])("that closes in order loses nothing of what $what, and waits for what is open", async ({ end }) => {
    const { generate, channels, opened } = scripted();
    const closing = new AbortController();
    const { client } = relay(generate, { closing: closing.signal });
    const [first, last] = ["first", "last"].map((id) => {
      const events: GenerationEvent[] = [];
      const read = async () => {
        for await (const event of client.generate(generation(id), never)) events.push(event);
      };
      return {
        events,
        ended: read().then(
          () => "finished",
          ({ message }) => message,
        ),
      };
    });
    await opened.next();
    await opened.next();
    for (const channel of channels.values()) channel.push(started);
    await new Promise(setImmediate);
    channels.get("first")?.push(delta("x"));
    end(channels.get("first")!);
    channels.get("first")?.close();
    closing.abort();
    expect(await first!.ended).toBe(
      first!.events.at(-1)?.event.case === "finished" ? "finished" : "It broke.",
    );
    expect(textOf(first!.events)).toBe("x");
    expect(await Promise.race([client.closed, "up"])).toBe("up");
    channels.get("last")?.push(delta("y"));
    end(channels.get("last")!);
    channels.get("last")?.close();
    await last!.ended;
    expect(textOf(last!.events)).toBe("y");
    expect(await client.closed).toMatchObject({
      kind: "node_lost",
      message: "The other side ended the relay.",
    });
  });

  test("stays up while idle, for the other side beats", async () => {
    const { generate } = scripted();
    const { client, clock } = relay(generate);
    await clock.advance(10_000);
    expect(await Promise.race([client.closed, "up"])).toBe("up");
  });

  test.each([
    { mayMove: true, withinMs: 2500, because: "moves to where it can continue" },
    { mayMove: false, withinMs: 11_000, because: "waits 10 s when nothing else can take it" },
  ])("fails only the generation whose engine shows no sign of life, which $because", async (given) => {
    const { generate, channels, opened, aborted } = scripted();
    const { client, clock } = relay(generate, { watchGenerations: true, mayMove: () => given.mayMove });
    let failedAt: number | undefined;
    const hung = Array.fromAsync(client.generate(generation("hung"), never)).catch((error: unknown) => {
      failedAt = clock.now();
      return error;
    });
    const alive = client.generate(generation("alive"), never)[Symbol.asyncIterator]();
    const first = alive.next();
    await opened.next();
    await opened.next();
    for (const channel of channels.values()) channel.push(started);
    await first;
    while (failedAt === undefined && clock.now() < 15_000) {
      channels.get("alive")?.push(delta(""));
      await clock.advance(500);
    }
    expect(await hung).toMatchObject({ kind: "node_lost" });
    expect(failedAt).toBeLessThanOrEqual(given.withinMs);
    expect(failedAt).toBeGreaterThan(given.mayMove ? 1500 : 10_000);
    expect((await aborted.next()).value).toBe("hung");
    expect((await alive.next()).value?.event.case).toBe("delta");
  });

  test("forgives silence that was this process's own", async () => {
    const { generate } = scripted();
    const { client, clock } = relay(generate);
    await clock.advance(100);
    // One jump over many periods: the timer fires late, as after a suspend.
    const now = clock.now.bind(clock);
    clock.now = () => now() + 60_000;
    await clock.advance(250);
    await clock.advance(500);
    expect(await Promise.race([client.closed, "up"])).toBe("up");
  });

  test("lets go of the caller's signal and of its timers", async () => {
    const { client, clock } = relay(async function* () {
      yield started;
      yield finished;
    });
    const caller = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = caller.signal;
    caller.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(caller.signal, args);
    };
    caller.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(caller.signal, args);
    };
    for (let count = 0; count < 10; count++)
      await Array.fromAsync(client.generate(generation(`g${count}`), caller.signal));
    expect(listeners).toBe(0);
    client.close(new MeshError("node_lost", "test over"));
    await clock.advance(1000);
    expect(clock.pending).toBe(0);
  });
});
