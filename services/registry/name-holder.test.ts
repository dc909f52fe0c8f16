import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { register } from "../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../core/rpc/in-process-transport.ts";
import { createLog } from "../../core/telemetry/log.ts";
import { NodeSchema, RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { createRegistry } from "./index.ts";
import { createMemoryStore } from "./memory-store.ts";
import { type HeldName, type Holder, judge, unknownHolder } from "./name-holder.ts";

const ttlMs = 10_000;
const process = (instance: string, replaces = ""): Holder => ({ ...unknownHolder, instance, replaces });
const held = (holder: string, fields: Partial<HeldName> = {}): HeldName => ({
  holder: process(holder),
  draining: false,
  since: 0,
  renewedAt: 0,
  contender: undefined,
  ...fields,
});

test.each([
  { because: "it is the holder", held: held("a"), claim: process("a"), verdict: "granted" },
  {
    because: "the holder has ended, as its successor knows",
    held: held("a"),
    claim: process("b", "a"),
    verdict: "granted",
  },
  {
    because: "a successor of another process is none",
    held: held("a"),
    claim: process("b", "x"),
    verdict: "asks again",
  },
  {
    because: "both are of an older program, and cannot be distinguished",
    held: held(""),
    claim: process(""),
    verdict: "granted",
  },
  {
    because: "an older program is another process than the holder",
    held: held("a"),
    claim: process(""),
    verdict: "asks again",
  },
  {
    because: "the holder is an older program, which may live",
    held: held(""),
    claim: process("b"),
    verdict: "asks again",
  },
  {
    because: "the holder drains",
    held: held("a", { draining: true }),
    claim: process("b"),
    verdict: "granted",
  },
  {
    because: "the holder has renewed since it was first asked for the name",
    held: held("a", { renewedAt: 900, contender: { instance: "b", since: 800 } }),
    claim: process("b"),
    verdict: "refused",
  },
  {
    because: "the holder renewed before, so it may have ended since",
    held: held("a", { renewedAt: 700, contender: { instance: "b", since: 800 } }),
    claim: process("b"),
    verdict: "asks again",
  },
  {
    because: "the holder renewed while a third process asked",
    held: held("a", { renewedAt: 900, contender: { instance: "c", since: 800 } }),
    claim: process("b"),
    verdict: "asks again",
  },
  {
    because: "the holder has missed renewals for half its lease",
    held: held("a", { renewedAt: 1000 - ttlMs / 2, contender: { instance: "b", since: -9000 } }),
    claim: process("b"),
    verdict: "granted",
  },
])("a process is $verdict when $because", ({ held, claim, verdict }) => {
  expect(judge(held, claim, 1000, ttlMs)).toBe(verdict);
});

describe("a name in the registry", () => {
  const setUp = () => {
    const clock = new FakeClock();
    const lines: { msg: string }[] = [];
    const log = createLog({
      service: "registry",
      level: "warn",
      pretty: false,
      write: (line) => lines.push(JSON.parse(line)),
    });
    const { implementation } = createRegistry({ store: createMemoryStore({ clock }), clock, log });
    const client = createClient(
      RegistryService,
      createInProcessTransport([register(RegistryService, implementation)]),
    );
    const node = create(NodeSchema, { id: "twin" });
    const ask = (instance: string, replaces = "") =>
      client.registerNode({ node, process: { instance, replaces, host: `host-${instance}` } }).then(
        ({ leaseId }) => leaseId,
        (error: { code: string; kind: string; message: string }) => error,
      );
    return { clock, client, lines, ask, node };
  };

  test("stays with the living process, however often another asks, and that one is told who has it", async () => {
    const { clock, client, lines, ask } = setUp();
    const leaseId = (await ask("a")) as string;
    const answers = [];
    for (let second = 0; second < 60; second++) {
      answers.push(await ask("b"));
      await clock.advance(1000);
      if (second % 3 === 2) await client.renewLease({ leaseId });
    }
    expect(answers[0]).toMatchObject({ kind: "saturated", code: "name_in_use", retryAfterMs: 1000 });
    expect(answers.slice(3).map((answer) => (answer as { kind: string }).kind)).toEqual(
      answers.slice(3).map(() => "invalid_request"),
    );
    expect((answers[3] as { message: string }).message).toMatch(
      /^The name is in use: another process is registered as node twin since \d{4}-\S+Z, on host host-a, and it is running\. /,
    );
    expect(await client.renewLease({ leaseId })).toMatchObject({ nodeId: "twin" });
    expect(lines.map(({ msg }) => msg)).toEqual(["a second process was refused"]);
  });

  test("goes to the other process half a lease after the last sign of life", async () => {
    const { clock, ask } = setUp();
    await ask("a");
    const answers = [];
    for (let second = 0; second < 6; second++) {
      answers.push(typeof (await ask("b")));
      await clock.advance(1000);
    }
    expect(answers).toEqual(["object", "object", "object", "object", "object", "string"]);
    expect(await ask("a")).toMatchObject({ kind: "saturated" });
  });

  test("goes to a successor in the same data folder at once", async () => {
    const { ask } = setUp();
    await ask("a");
    expect(await ask("b", "a")).toBeTypeOf("string");
  });

  test("stays with a process that registers again, since when it first had it", async () => {
    const { clock, ask } = setUp();
    await ask("a");
    const { message: before } = (await ask("b")) as { message: string };
    await clock.advance(4000);
    await ask("a");
    expect(await ask("b")).toMatchObject({ message: expect.stringContaining(before.split(",")[0]!) });
  });

  test("is not taken by an older program from a living process", async () => {
    const { client, ask, node } = setUp();
    await ask("a");
    await expect(client.registerNode({ node })).rejects.toMatchObject({ code: "name_in_use" });
  });

  test("is free at once when its process leaves", async () => {
    const { client, ask } = setUp();
    const leaseId = (await ask("a")) as string;
    await client.deregisterNode({ leaseId });
    expect(await ask("b")).toBeTypeOf("string");
  });

  test.each(["instance", "replaces", "host"])("is refused to a process with an invalid %s", async (field) => {
    const { client, node } = setUp();
    await expect(
      client.registerNode({ node, process: { instance: "a", [field]: "x\u001b[2J" } }),
    ).rejects.toMatchObject({ kind: "invalid_request", param: `process.${field}` });
  });
});
