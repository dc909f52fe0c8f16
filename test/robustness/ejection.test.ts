import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";
import type { LogLine, Program } from "../support/program.ts";

/** Two models on each node, so that each test has one of its own. */
const engine = (failing: object = {}, slow: object = {}) => [
  ...["--engine", "synthetic", "--tokens-per-second", "400", "--first-token-ms", "20", "--model", "other"],
  // As many slots of the one that fails as there are clients, so that every node is used.
  ...["--synthetic-models", JSON.stringify({ failing: { slots: 2, ...failing }, slow })],
];

let mesh: Mesh;
let router: Program;
beforeAll(async () => {
  mesh = await startMesh("in many processes", { engine: engine(), nodes: [], routers: 1 });
  router = mesh.programs.get("router-1")!;
  const fault = { kind: "fail", afterTokens: 2, rate: 0.3 };
  const bad = engine({ faults: [fault] }, { faults: [{ kind: "slow", factor: 50 }] });
  await Promise.all([...["n1", "n2", "n3"].map((name) => mesh.join(name)), mesh.join("bad", bad)]);
});
afterAll(() => mesh.stop());

async function ask(model: string, maxTokens: number): Promise<string> {
  const response = await fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: mesh.headers,
    body: JSON.stringify({
      model,
      messages: [{ role: "user", content: "Say something." }],
      max_tokens: maxTokens,
    }),
  });
  const { choices } = (await response.json()) as { choices?: { finish_reason: string }[] };
  return `${response.status} ${choices?.[0]?.finish_reason}`;
}

/** Eight clients ask one after another until `done` resolves; every outcome. */
async function askUntil(model: string, done: Promise<unknown>, maxTokens = 20): Promise<Set<string>> {
  const outcomes = new Set<string>();
  let isDone = false;
  const end = done.finally(() => {
    isDone = true;
  });
  const client = async () => {
    while (!isDone) outcomes.add(await ask(model, maxTokens));
  };
  await Promise.all([end, ...Array.from({ length: 8 }, client)]);
  return outcomes;
}

const verdictOn = async (model: string) => {
  const transport = createGrpcTransport({ address: mesh.routers[0]! });
  try {
    const { verdicts } = await createClient(RouterService, transport).explainRoute({
      generation: { id: "dry", model },
    });
    return verdicts.find(({ node }) => node?.id === "bad");
  } finally {
    transport.close();
  }
};

const ejected = (model: string) => (line: LogLine) => line.msg === "node ejected" && line.model === model;

test("a node that fails three generations in ten is ejected, no caller sees it, and it returns when it is well", async () => {
  const ejection = router.logged(ejected("failing"));
  expect(await askUntil("failing", ejection)).toEqual(new Set(["200 length"]));
  expect(await ejection).toMatchObject({ node_id: "bad" });
  expect((await ejection).reason).toMatch(
    /^It failed or refused \d+ of its last \d+ generations, .* ms more\.$/,
  );
  expect(await verdictOn("failing")).toMatchObject({
    rejectedBy: "ejected",
    reason: expect.stringMatching(/^It failed or refused \d+ of its last \d+ generations/),
  });

  // Shorter answers end before the fault strikes, so it passes its trials.
  const returned = router.logged(({ msg }) => msg === "node returned after its ejection");
  expect(await askUntil("failing", returned, 1)).toEqual(new Set(["200 length"]));
  expect((await verdictOn("failing"))?.rejectedBy).toBe("");
});

test("a node that takes fifty times as long as its peers is used only when they have no room", async () => {
  const ejection = router.logged(ejected("slow"));
  expect(await askUntil("slow", ejection)).toEqual(new Set(["200 length"]));
  expect(await ejection).toMatchObject({ node_id: "bad" });
  expect((await ejection).reason).toMatch(/^It lately took \d+ ms to a first token, and its peers usually/);
  expect(await verdictOn("slow")).toMatchObject({ rejectedBy: "slow" });
});
