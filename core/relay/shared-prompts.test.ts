import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  FinishReason,
  type Generation,
  GenerationEventSchema,
  GenerationSchema,
  Role,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  type ClientBound,
  ClientBoundSchema,
  type EngineBound,
  EngineBoundSchema,
} from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type RelayRequest,
  RelayRequestSchema,
  type RelayResponse,
  RelayResponseSchema,
} from "../../gen/cxmpute/router/v1/router_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import type { Generate } from "../generate.ts";
import { codecOf } from "../rpc/message-codec.ts";
import { openRelay } from "./client.ts";
import { encodePrompt } from "./encode-prompt.ts";
import { serveRelay } from "./server.ts";

const MB = 1024 * 1024;
const finished = create(GenerationEventSchema, {
  event: { case: "finished", value: { reason: FinishReason.STOP } },
});
const never = new AbortController().signal;
const turn = () => new Promise(setImmediate);

type Init = MessageInitShape<typeof GenerationSchema>;
const user = (text: string) =>
  ({ messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: text } }] }] }) satisfies Init;
const generation = (init: Init): Generation => create(GenerationSchema, init);
/** Several generations that share their prompt, as the choices of one request do. */
const choices = (count: number, prompt: Generation): Generation[] =>
  Array.from({ length: count }, (_, index) => ({ ...prompt, id: `choice-${index}` }));

/** A relay over the bytes of gRPC messages. `old` is the version before shared prompts, of one side. */
function relay(generate: Generate, { old }: { old?: "client" | "server" } = {}) {
  const clock = new FakeClock();
  /** Sizes of the messages towards the engine, in bytes. */
  const sizes: number[] = [];
  const frames: EngineBound[] = [];
  const towardsEngine = codecOf(RelayRequestSchema);
  const towardsClient = codecOf(RelayResponseSchema);
  async function* cross(outgoing: AsyncIterable<EngineBound>): AsyncGenerator<EngineBound> {
    for await (const frame of outgoing) {
      const message: RelayRequest = { $typeName: "cxmpute.router.v1.RelayRequest", frame };
      await towardsEngine.prepare?.(message);
      const bytes = towardsEngine.serialize(message);
      sizes.push(bytes.length);
      const received = (towardsEngine.deserialize(bytes) as RelayRequest).frame!;
      frames.push(received);
      yield received;
    }
  }
  const client = openRelay({
    clock,
    exchange: async function* (outgoing, signal) {
      for await (const frame of serveRelay({ generate, frames: cross(outgoing), signal, clock })) {
        const message: RelayResponse = { $typeName: "cxmpute.router.v1.RelayResponse", frame };
        const received = (towardsClient.deserialize(towardsClient.serialize(message)) as RelayResponse)
          .frame!;
        yield old === undefined ? received : withoutFlag(received);
      }
    },
  });
  return { client, sizes, frames };
}

/** A frame as an older server sends it, or as an older client reads it. */
function withoutFlag(frame: ClientBound): ClientBound {
  const known = fromBinary(ClientBoundSchema, toBinary(ClientBoundSchema, frame));
  return { ...known, sharesPrompts: false };
}

/** An engine that notes what it gets, and ends each answer when told to. */
function engine() {
  const got: Generation[] = [];
  const ends: (() => void)[] = [];
  const generate: Generate = async function* (one) {
    got.push(one);
    await new Promise<void>((resolve) => ends.push(resolve));
    yield finished;
  };
  return { got, ends, generate };
}

const received = (got: readonly unknown[], count: number) => expect.poll(() => got.length).toBe(count);

describe("a large prompt", () => {
  test("crosses a relay once, however many choices are asked for, and is one object behind it", async () => {
    const { got, ends, generate } = engine();
    const { client, sizes } = relay(generate);
    await turn();
    await turn();
    const asked = choices(8, generation({ model: "m", ...user("word ".repeat(MB)), tools: [{ name: "f" }] }));
    const answers = asked.map((one) => Array.fromAsync(client.generate(one, never)));
    await received(got, 8);
    expect(got).toEqual(asked);
    for (const one of got) {
      expect(one.messages).toBe(got[0]!.messages);
      expect(one.tools).toBe(got[0]!.tools);
    }
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(5 * MB + 10_000);
    for (const end of ends) end();
    await Promise.all(answers);
  });

  test("is not sent again to a node that answers its choices one after another", async () => {
    const { got, ends, generate } = engine();
    const { client, sizes } = relay(generate);
    await turn();
    await turn();
    const [first, second, third] = choices(3, generation(user("a".repeat(MB))));
    const answer = async (one: Generation) => Array.fromAsync(client.generate(one, never));
    const answered = answer(first!)
      .then(() => answer(second!))
      .then(() => answer(third!));
    for (let count = 1; count <= 3; count++) {
      await received(got, count);
      ends[count - 1]!();
    }
    await answered;
    expect(got[2]!.messages).toEqual(first!.messages);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(MB + 10_000);
  });

  test("is dropped behind its last answer, and sent again when it is needed again", async () => {
    const { got, ends, generate } = engine();
    const { client, sizes, frames } = relay(generate);
    await turn();
    await turn();
    const [first, second] = choices(2, generation(user("a".repeat(MB))));
    for (const [index, one] of [first!, second!].entries()) {
      const answer = Array.fromAsync(client.generate(one, never));
      await received(got, index + 1);
      ends[index]!();
      await answer;
      await expect.poll(() => frames.at(-1)?.droppedPrompts).toEqual([index + 1]);
    }
    expect(sizes.filter((size) => size > MB)).toHaveLength(2);
  });

  test.each(["client", "server"] as const)("crosses in full when the %s is older", async (old) => {
    const { got, ends, generate } = engine();
    const { client, sizes } = relay(generate, { old });
    await turn();
    await turn();
    const asked = choices(3, generation({ ...user("a".repeat(MB)), id: "" }));
    const answers = asked.map((one) => Array.fromAsync(client.generate(one, never)));
    await received(got, 3);
    expect(got).toEqual(asked);
    // Never several in one message, whose size is limited.
    expect(sizes.filter((size) => size > MB)).toHaveLength(3);
    expect(Math.max(...sizes)).toBeLessThan(1.1 * MB);
    for (const end of ends) end();
    await Promise.all(answers);
  });

  test("is passed by reference within a process", async () => {
    const { got, ends, generate } = engine();
    const clock = new FakeClock();
    const client = openRelay({
      clock,
      exchange: (frames, signal) => serveRelay({ generate, frames, signal, clock }),
    });
    await turn();
    await turn();
    const asked = generation(user("a".repeat(MB)));
    const answer = Array.fromAsync(client.generate(asked, never));
    await received(got, 1);
    expect(got[0]!.messages).toBe(asked.messages);
    ends[0]!();
    await answer;
  });

  test("that is cancelled before it was sent never is", async () => {
    const { got, ends, generate } = engine();
    const { client, sizes } = relay(generate);
    await turn();
    await turn();
    const leaving = new AbortController();
    const left = Array.fromAsync(client.generate(generation(user("a".repeat(MB))), leaving.signal));
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    const answer = Array.fromAsync(client.generate(generation(user("small")), never));
    await received(got, 1);
    ends[0]!();
    await answer;
    expect(Math.max(...sizes)).toBeLessThan(MB);
  });

  test.each([
    { name: "refers to a prompt that was not sent", prompts: [], says: "a prompt that was not sent" },
    {
      name: "refers to a prompt that is no generation",
      prompts: [{ id: 1, generation: new Uint8Array([0x1a, 0x05, 0xff]) }],
      says: "cannot be read",
    },
  ])("fails only the start that $name", async ({ prompts, says }) => {
    const { got, generate } = engine();
    const clock = new FakeClock();
    async function* frames() {
      yield create(EngineBoundSchema, {
        prompts,
        starts: [
          { streamId: 1, generation: { id: "bad" }, promptId: 1 },
          { streamId: 2, generation: { id: "good", ...user("small") } },
        ],
      });
      await new Promise(() => {});
    }
    const failures: string[] = [];
    for await (const { streams } of serveRelay({ generate, frames: frames(), signal: never, clock })) {
      failures.push(
        ...streams.flatMap(({ streamId, failure }) => (failure ? [`${streamId} ${failure.message}`] : [])),
      );
      if (failures.length > 0) break;
    }
    expect(failures).toEqual([expect.stringMatching(new RegExp(`^1 .*${says}`))]);
    expect(got.map(({ id }) => id)).toEqual(["good"]);
  });
});

describe("a prompt in turns", () => {
  const long = (unit: string, length = 3 * MB) => unit.repeat(length / unit.length).padEnd(length + 1, "x");
  test.each<{ name: string; init: Init }>([
    { name: "an ASCII text", init: user(long("word ")) },
    { name: "characters of three bytes", init: user(long("語")) },
    { name: "characters of two units, split nowhere", init: user(`x${long("😀")}`) },
    { name: "half characters", init: user(`${long("a", MB - 2)}\ud83d\ud83d${long("\ude00", 10)}`) },
    {
      name: "long and short parts, images and everything else of messages",
      init: {
        messages: [
          { role: 1, parts: [{ part: { case: "text", value: "short" } }] },
          {
            role: 2,
            name: "n",
            parts: [
              { part: { case: "text", value: "before" } },
              {
                part: {
                  case: "image",
                  value: { data: Buffer.alloc(MB, 7), mimeType: "image/png", detail: "low" },
                },
              },
              { part: { case: "text", value: long("naïve ") } },
            ],
          },
          { role: 3, reasoning: "r", toolCalls: [{ id: "c", name: "f", argumentsJson: "{}" }], parts: [] },
          { role: 4, toolCallId: "c", parts: [{ part: { case: "text", value: long("result") } }] },
        ],
        tools: [{ name: "f", description: "d", parametersJson: "{}", strict: true }],
      },
    },
    { name: "a raw text", init: { rawPrompt: { prompt: { case: "text", value: long("word ") } } } },
    {
      name: "raw tokens",
      init: { rawPrompt: { prompt: { case: "tokens", value: { ids: [1, 300, 70_000] } } } },
    },
    {
      name: "texts to embed",
      init: {
        embedding: {
          inputs: [
            { prompt: { case: "text", value: "short" } },
            { prompt: { case: "text", value: long("été") } },
            { prompt: { case: "tokens", value: { ids: [1, 2] } } },
          ],
        },
      },
    },
  ])("is encoded as protobuf-es reads it: $name", async ({ init }) => {
    const whole = generation(init);
    const decoded = fromBinary(GenerationSchema, await encodePrompt(whole));
    const same = Buffer.compare(toBinary(GenerationSchema, decoded), toBinary(GenerationSchema, whole)) === 0;
    expect(same).toBe(true);
  });
});
