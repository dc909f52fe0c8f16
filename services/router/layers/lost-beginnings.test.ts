import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import {
  CallerSchema,
  type Generation,
  type GenerationSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  type Asked,
  answering,
  type FakeRelay,
  fakeRelay,
  generationOf,
  nodeOf,
  settled,
} from "../../../test/support/router/router.ts";
import { Fleet } from "../fleet/fleet.ts";
import { createPipeline, type Pipeline } from "../pipeline.ts";
import { defaultQueueLimits } from "../queue-limits.ts";
import { profiles } from "../routing/profile.ts";
import { LostBeginnings } from "./lost-beginnings.ts";

type Fields = Exclude<MessageInitShape<typeof GenerationSchema>, Generation>;
const said = (text: string): Fields => ({
  messages: [{ role: 2, parts: [{ part: { case: "text", value: text } }] }],
});
const poison = said("poison");

let clock: FakeClock;
let pipeline: Pipeline;
let relays: FakeRelay[];
let count: number;

/** Every node falls silent at this prompt and answers any other. */
const silencedBy = (isPoison: (asked: Asked) => boolean) => (asked: Asked) =>
  isPoison(asked)
    ? asked.events.fail(new MeshError("node_lost", "The engine sent nothing for more than 1500 ms."))
    : answering("fine")(asked);
const isPoison = ({ generation }: Asked) => {
  const part = generation.messages[0]?.parts[0]?.part;
  return part?.case === "text" && part.value === "poison";
};

function join(nodes: number, answer = silencedBy(isPoison)) {
  const fleet = new Fleet({ clock, log: silentLog });
  pipeline = createPipeline({
    ...defaultQueueLimits,
    fleet,
    clock,
    log: silentLog,
    profile: profiles.interactive,
    attemptLimit: 4,
  });
  const ids = Array.from({ length: nodes }, (_, index) => `n${index}`);
  fleet.list(new Map(ids.map((id) => [id, nodeOf(id)])));
  relays = ids.map((id) => {
    const relay = fakeRelay(answer);
    fleet.connect(id, relay);
    return relay;
  });
}

beforeEach(() => {
  clock = new FakeClock();
  count = 0;
});

const asked = () => relays.reduce((sum, relay) => sum + relay.asked.length, 0);

async function outcome(fields: Fields): Promise<MeshError | "finished"> {
  const caller = create(CallerSchema, { userId: "u", requestId: `req-${++count}` });
  const events = pipeline.generate(
    generationOf({ id: `g${count}`, caller, ...fields }),
    new AbortController().signal,
  );
  const ended = Array.fromAsync(events).then(() => "finished" as const, toMeshError);
  await settled();
  return ended;
}

describe("a prompt that silences nodes", () => {
  test("gets one other node at the most, and an error that names the request", async () => {
    join(8);
    expect(await outcome(poison)).toMatchObject({
      kind: "engine_failed",
      code: "nodes_lost",
      message: expect.stringContaining("Request req-1 "),
    });
    expect(asked()).toBe(2);
  });

  test("is refused when it is sent again, whoever sends it, and other prompts are not", async () => {
    join(8);
    await outcome(poison);
    for (const again of [
      poison,
      { ...poison, limits: { maxTokens: 7 } },
      { ...poison, sampling: { seed: 4n } },
    ])
      expect(await outcome(again)).toMatchObject({ code: "nodes_lost" });
    expect(asked()).toBe(2);
    expect(await outcome(said("poisob"))).toBe("finished");
    expect(await outcome(said("something else"))).toBe("finished");
  });

  test("is tried on one node after a minute, and after five minutes more", async () => {
    join(8);
    await outcome(poison);
    const nodesAsked: number[] = [];
    for (let minute = 1; minute <= 11; minute++) {
      await clock.advance(60_000);
      await outcome(poison);
      nodesAsked.push(asked());
    }
    expect(nodesAsked).toEqual([3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5]);
  });

  test("is tried by one request at a time", async () => {
    join(8);
    await outcome(poison);
    await clock.advance(60_000);
    const together = [1, 2, 3].map(() => outcome(poison));
    await Promise.all(together);
    expect(asked()).toBe(3);
  });
});

describe("nodes that were lost by chance", () => {
  test("cost a prompt nothing when it was one", async () => {
    let losses = 1;
    join(
      3,
      silencedBy(() => losses-- > 0),
    );
    expect(await outcome(said("hello"))).toBe("finished");
    expect(await outcome(said("hello"))).toBe("finished");
  });

  test("cost it a minute when they were two", async () => {
    let losses = 2;
    join(
      3,
      silencedBy(() => losses-- > 0),
    );
    expect(await outcome(said("hello"))).toMatchObject({ code: "nodes_lost" });
    await clock.advance(60_000);
    for (let again = 0; again < 3; again++) expect(await outcome(said("hello"))).toBe("finished");
  });
});

test("failures with words do not count: an engine that says what is wrong has not fallen silent", async () => {
  join(8, ({ events }) => events.fail(new MeshError("engine_failed", "The engine failed.")));
  expect(await outcome(poison)).toMatchObject({ kind: "engine_failed", code: undefined });
  expect(asked()).toBe(4);
});

test("remembers a thousand contents at the most, the latest", () => {
  const beginnings = new LostBeginnings(clock);
  const generation = (index: number) => generationOf(said("x".repeat(index)));
  for (let index = 0; index < 1100; index++) beginnings.begin(generation(index)).giveUp();
  expect(() => beginnings.begin(generation(99))).not.toThrow();
  expect(() => beginnings.begin(generation(100))).toThrow("fell silent");
});
