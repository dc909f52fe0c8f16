import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { Reason } from "../../gen/cxmpute/error/v1/error_pb.ts";
import { FinishReason } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import {
  type Lie,
  type Lies,
  type LyingNode,
  startLyingNode,
  type WireEvent,
} from "../support/lying-node.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";

const started: WireEvent = { case: "started", value: { nodeId: "someone-else", fingerprint: "" } };
const text = (value: string): WireEvent => ({ case: "delta", value: { text: value } });
const call: WireEvent = {
  case: "delta",
  value: { toolCalls: [{ index: 0, id: "c", name: "LIE", argumentsJson: "{}" }] },
};
const finished = (reason: FinishReason, completionTokens = 1, promptTokens = 5): WireEvent => ({
  case: "finished",
  value: { reason, usage: { promptTokens, completionTokens } },
});
const sends =
  (...events: WireEvent[]) =>
  (lie: Lie): void =>
    lie.event(...events);
const reports =
  (reason: Reason, more: object = {}) =>
  (lie: Lie) =>
    lie.fail({ reason, message: "LIE", ...more });

/** Lies after which the whole answer must be that of the honest node. */
const refuted: Lies = {
  "7.6 million characters for 20 tokens": sends(started, text("LIE".repeat(2_533_334))),
  "a tool call that nobody asked for": sends(started, call, finished(FinishReason.TOOL_CALLS)),
  "calls that were not made": sends(started, finished(FinishReason.TOOL_CALLS)),
  "an invalid API key": reports(Reason.UNAUTHENTICATED, { code: "invalid_api_key" }),
  "an empty account": reports(Reason.QUOTA_EXCEEDED, { code: "insufficient_quota" }),
  "a caller who asks too often": reports(Reason.RATE_LIMITED, { retryAfterMs: 86_400_000 }),
  "a caller with too many requests waiting": reports(Reason.CALLER_QUEUE_FULL),
  "a time limit that nobody set": reports(Reason.DEADLINE),
  "a caller who has left": reports(Reason.CANCELLED),
  "a bug of the mesh": reports(Reason.INTERNAL),
  "a model that does not exist": reports(Reason.MODEL_NOT_FOUND),
  "a reason that does not exist": reports(99 as Reason),
  "log probabilities that nobody asked for": sends(started, {
    case: "delta",
    value: { text: "LIE", logprobs: [{ token: { text: "LIE", logprob: -1 } }] },
  }),
  "a vector in place of text": sends(started, { case: "embedded", value: { index: 0, values: [1, 0] } }),
  "an answer without a beginning": sends(text("LIE"), finished(FinishReason.STOP)),
  "an end without a reason": sends(started, finished(FinishReason.UNSPECIFIED)),
  "an end without usage": sends(started, { case: "finished", value: { reason: FinishReason.STOP } }),
  "a takeover by another node": sends(started, { case: "continued", value: { nodeId: "LIE", exact: true } }),
  "signs of life for ever": (lie) => {
    lie.event(started);
    heartbeats.push(setInterval(() => lie.event(text("")), 300));
  },
};
/** Lies about an answer that is otherwise right. */
const believed: Lies = {
  "four billion tokens for one character": sends(
    started,
    text("x"),
    finished(FinishReason.STOP, 4_000_000_000, 4_000_000_000),
  ),
};
/** Lies in the middle of an answer, whose true beginning has been read by then. */
const inTheMiddle =
  (tell: (lie: Lie) => void) =>
  (lie: Lie): void => {
    lie.event(started, text(beginning));
    // In a frame of its own, and long before a silence would count.
    setTimeout(() => tell(lie), 50);
  };
const broken: Lies = {
  "a second beginning": inTheMiddle(sends(started, text("LIE"))),
  "a tool call in the middle": inTheMiddle(sends(call)),
  "more than 20 tokens": inTheMiddle(
    sends(
      ...Array.from({ length: 30 }, (): WireEvent => ({ case: "delta", value: { text: "", tokenIds: [1] } })),
    ),
  ),
  "an end by a wrong key": inTheMiddle(reports(Reason.UNAUTHENTICATED, { code: "invalid_api_key" })),
};
/** What every honest answer begins with. */
let beginning = "";
const alone = "words that only the liar says";
const heartbeats: NodeJS.Timeout[] = [];

let mesh: Mesh;
let liar: LyingNode;
beforeAll(async () => {
  const models = Object.fromEntries(
    Object.keys({ ...refuted, ...believed, ...broken }).map((name) => [name, {}]),
  );
  mesh = await startMesh("in many processes", {
    engine: [
      "--engine",
      "synthetic",
      "--tokens-per-second",
      "1000",
      "--synthetic-models",
      JSON.stringify(models),
    ],
    nodes: ["attached"],
    routers: 1,
    routing: ["--progress-timeout-ms", "1000"],
  });
  const says = `No. ${"At /root/secrets/key.pem with sk-abcdefghijklmnop, and more. ".repeat(2000)}`;
  const lies = {
    ...refuted,
    ...believed,
    ...broken,
    [alone]: reports(Reason.ENGINE_FAILED, { message: says }),
  };
  liar = await startLyingNode({ id: "liar", registry: mesh.registry, router: mesh.routers[0]! }, lies);
  await mesh.programs
    .get("router-1")!
    .logged(({ msg, node_id }) => msg === "node connected" && node_id === "liar");
});
beforeAll(async () => {
  const { answer } = await ask("synthetic");
  beginning = answer.choices![0]!.message.content.split(" ")[0]!;
});
afterAll(async () => {
  for (const timer of heartbeats) clearInterval(timer);
  liar?.close();
  await mesh?.stop();
});

interface Answer {
  readonly choices?: readonly {
    readonly message: object & { content: string };
    readonly finish_reason: string;
  }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number };
  readonly error?: { readonly message: string; readonly code: string | null };
}

async function ask(model: string, headers: object = {}): Promise<{ status: number; answer: Answer }> {
  const response = await fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...mesh.headers, ...headers },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello there" }], max_tokens: 20 }),
  });
  return { status: response.status, answer: (await response.json()) as Answer };
}

/** Asks until the liar has been asked; the answer to that. */
async function askLiar(model: string): Promise<{ status: number; answer: Answer }> {
  for (;;) {
    const answer = await ask(model);
    if (liar.asked(model) > 0) return answer;
  }
}

test.each(Object.keys(refuted))("%s: the answer is that of an honest node", async (model) => {
  const { status, answer } = await askLiar(model);
  expect(status).toBe(200);
  expect(answer.choices).toMatchObject([{ finish_reason: "length" }]);
  expect(answer.usage).toMatchObject({ completion_tokens: 20 });
  expect(JSON.stringify(answer)).not.toContain("LIE");
});

test.each(Object.keys(believed))("%s: the caller is charged for what was delivered", async (model) => {
  const { status, answer } = await askLiar(model);
  expect(status).toBe(200);
  expect(answer.choices).toMatchObject([{ message: { content: "x" } }]);
  expect(answer.usage?.completion_tokens).toBe(1);
  expect(answer.usage?.prompt_tokens).toBeLessThan(50);
  const { discrepancy } = await mesh.programs
    .get("router-1")!
    .logged((line) => line.msg === "generation finished" && line.discrepancy !== undefined);
  expect(discrepancy).toBeGreaterThan(7_900_000_000);
});

test.each(Object.keys(broken))("%s: nothing of it is shown, and the answer is whole", async (model) => {
  const { status, answer } = await askLiar(model);
  expect(status).toBe(200);
  expect(answer.choices).toMatchObject([{ finish_reason: "length" }]);
  expect(JSON.stringify(answer)).not.toContain("LIE");
});

test("what a node says reaches callers without secrets and in one line", async () => {
  const { status, answer } = await askLiar(alone);
  expect(status).toBe(502);
  expect(answer.error?.message).toMatch(/^No\. At \(a path\) with \(a key\), and more\./);
  expect(answer.error?.message.length).toBeLessThan(1000);
});

test("each breach is in the router's log with the node's name, but not each time", async () => {
  const breaches = mesh.programs
    .get("router-1")!
    .entries()
    .filter(({ msg }) => msg === "node broke the contract");
  expect(breaches[0]).toMatchObject({ level: "warn", node_id: "liar" });
  expect(breaches.length).toBeLessThan(5);
});

test("a request at which nodes fall silent gets one other node, and not the fleet, however often it is sent", async () => {
  const model = "silence";
  const at = { registry: mesh.registry, router: mesh.routers[0]! };
  const ids = ["s1", "s2", "s3", "s4", "s5"];
  const silent = await Promise.all(
    ids.map((id) => startLyingNode({ id, ...at }, { [model]: sends(started) })),
  );
  onTestFinished(() => silent.forEach((node) => void node.close()));
  await expect.poll(async () => (await nodesOf(model)).length).toBe(ids.length);
  const asked = () => silent.reduce((sum, node) => sum + node.asked(model), 0);

  const first = await ask(model, { "x-request-id": "req-of-the-test" });
  expect(first).toMatchObject({ status: 502, answer: { error: { code: "nodes_lost" } } });
  expect(first.answer.error?.message).toContain("req-of-the-test");
  expect(asked()).toBe(2);
  for (let again = 0; again < 5; again++)
    expect(await ask(model)).toMatchObject({ status: 502, answer: { error: { code: "nodes_lost" } } });
  expect(asked()).toBe(2);
});

async function nodesOf(model: string): Promise<string[]> {
  const transport = createGrpcTransport({ address: mesh.routers[0]! });
  try {
    const { verdicts } = await createClient(RouterService, transport).explainRoute({
      generation: { id: "dry", model },
    });
    return verdicts.flatMap(({ node, rejectedBy }) =>
      rejectedBy === "" && node !== undefined ? [node.id] : [],
    );
  } finally {
    transport.close();
  }
}
