import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";
import type { LogLine, Program } from "../support/program.ts";

const stuck = ["--engine", "synthetic", "--first-token-ms", "600000"];
const quick = ["--engine", "synthetic", "--first-token-ms", "1", "--tokens-per-second", "2000"];
const steady = ["--engine", "synthetic", "--first-token-ms", "1", "--tokens-per-second", "20"];

let mesh: Mesh;

const ask = (body: { readonly model: string } & Readonly<Record<string, unknown>>, signal?: AbortSignal) =>
  fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: mesh.headers,
    body: JSON.stringify({
      messages: [{ role: "user", content: "Say something." }],
      max_tokens: 400,
      ...body,
    }),
    ...(signal === undefined ? {} : { signal }),
  });

/** Asks the routers, as `cxmpute nodes` does, until one says that a node runs so many generations. */
async function untilRunning(nodeId: string, model: string, count: number): Promise<void> {
  const transports = mesh.routers.map((address) => createGrpcTransport({ address }));
  const routers = transports.map((transport) => createClient(RouterService, transport));
  const generation = { id: "dry", model };
  const running = async () => {
    const answers = await Promise.all(routers.map((router) => router.explainRoute({ generation })));
    const verdicts = answers.flatMap((answer) => answer.verdicts);
    return verdicts.flatMap(({ node, load }) => (node?.id === nodeId ? [load?.running] : []));
  };
  try {
    await expect.poll(running).toContain(count);
  } finally {
    for (const transport of transports) transport.close();
  }
}

/** The line that ends a generation in the node's own log. */
const isEnd = (requestId: string) => (line: LogLine) =>
  line.service === "inference" && line.outcome === "cancelled" && line.request_id === requestId;

/** A client leaves while it reads a stream, and while it waits for a whole answer; resolves once `node` has ended both. */
async function leave(node: Program, model: string): Promise<void> {
  for (const stream of [true, false]) {
    const client = new AbortController();
    const requestId = `leaver-${stream}`;
    const request = fetch(`${mesh.url}/v1/chat/completions`, {
      method: "POST",
      headers: { ...mesh.headers, "x-request-id": requestId },
      body: JSON.stringify({
        model,
        messages: [{ role: "user", content: "Go on for long." }],
        max_tokens: 1000,
        stream,
      }),
      signal: client.signal,
    });
    if (stream) await (await request).body?.getReader().read();
    else {
      request.catch(() => {});
      // Another request, begun later on the same connection pool, has answered: the first one is running.
      // A machine that is busy with other things may take the node for lost a moment: 503, and the first one waits.
      await expect.poll(async () => (await ask({ model, max_tokens: 1 })).status).toBe(200);
    }
    client.abort();
    await node.logged(isEnd(requestId));
  }
}

/** Two hundred clients leave at once; resolves when the model answers as if they had never been. */
async function leaveTogether(model: string): Promise<void> {
  const leaving = new AbortController();
  const left = Array.from({ length: 200 }, () => ask({ model, stream: true }, leaving.signal));
  const settled = Promise.allSettled(left);
  await Promise.race(left);
  leaving.abort();
  await settled;
  // Until the mesh has heard that they left, their requests are this caller's own queue: 429.
  await expect.poll(async () => (await ask({ model, max_tokens: 1 })).status).toBe(200);
}

/** Each test has nodes and a model of its own. */
describe("a mesh in many processes", () => {
  beforeAll(async () => {
    mesh = await startMesh("in many processes", { nodes: [] });
  });
  afterAll(() => mesh?.stop());

  test.each([
    { kind: "dialled", dialled: true },
    { kind: "attached", dialled: false },
  ])(
    "moves what a node had that dies before its first token, when it is $kind",
    async ({ kind, dialled }) => {
      const model = `before-${kind}`;
      const victim = await mesh.join(`stuck-${kind}`, [...stuck, "--model", model], { dialled });
      const streamed = ask({ model, stream: true, max_tokens: 20 });
      const whole = ask({ model, max_tokens: 20 });
      await untilRunning(`stuck-${kind}`, model, 2);
      const rescuer = await mesh.join(`rescuer-${kind}`, [...quick, "--model", model]);
      await victim.stop("SIGKILL");
      const answer = (await (await whole).json()) as { choices: { message: { content: string } }[] };
      const text = await (await streamed).text();
      expect((await whole).status).toBe(200);
      expect(answer.choices[0]?.message.content.length).toBeGreaterThan(0);
      expect(text).toContain("data: [DONE]");
      expect(text.match(/"role":"assistant"/g)?.length).toBe(1);
      const moved = await rescuer.logged(
        ({ msg, node_id }) => msg === "generation finished" && node_id === `rescuer-${kind}`,
      );
      expect(moved).toBeDefined();
    },
  );

  test("ends a stream whose node dies, and that no other can continue, with an error object", async () => {
    const unable = ["--synthetic-models", JSON.stringify({ unable: { resume: "none" } })];
    const victim = await mesh.join("unable", [...steady, ...unable, "--model", "able"], { dialled: true });
    const response = await ask({ stream: true, model: "unable" });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes('"content":" ') && !/"content":"\S/.test(text))
      text += (await reader?.read())?.value ?? "";
    await victim.stop("SIGKILL");
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
      text += part.value;
    expect(text).toMatch(/data: \{"error":\{.*\}\}\n\n$/);
    expect(text).not.toContain("[DONE]");
    expect(text).not.toContain('"finish_reason":"stop"');
  });

  test("still knows a model whose nodes have gone: 503, and when to ask again", async () => {
    const model = "gone";
    const node = await mesh.join("leaver", [...quick, "--model", model], { dialled: true });
    await node.stop();
    const refusal = async (stream: boolean) => {
      const response = await ask({ model, stream });
      return [response.status, response.headers.get("retry-after"), await response.json()];
    };
    const message = "No node serves the model `gone` right now: try again soon.";
    const expected = [503, "5", { error: { message, type: "server_error", param: null, code: null } }];
    // The routers hear of it a moment later.
    await expect.poll(() => refusal(false)).toEqual(expected);
    await expect.poll(() => refusal(true)).toEqual(expected);
  });

  test("frees the slot of a client that leaves, and those of two hundred", async () => {
    const model = "left";
    await leave(await mesh.join("left", [...steady, "--model", model]), model);
    await leaveTogether(model);
  });

  test("loses nothing that has not begun to show with a router: the next request goes through the other", async () => {
    const model = "routed";
    for (const dialled of [true, false])
      await mesh.join(`routed-${dialled}`, [...quick, "--model", model], { dialled });
    await mesh.programs.get("router-1")?.stop("SIGKILL");
    for (let count = 0; count < 10; count++) expect((await ask({ model, max_tokens: 5 })).status).toBe(200);
  });
});

test("a mesh in one process frees the slot of a client that leaves, and those of two hundred", async () => {
  mesh = await startMesh("in one process", { engine: steady });
  try {
    await leave(mesh.programs.get("up")!, mesh.model);
    await leaveTogether(mesh.model);
  } finally {
    await mesh.stop();
  }
});
