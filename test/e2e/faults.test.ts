import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { type Mesh, type Shape, shapes, startMesh } from "../support/mesh.ts";
import type { LogLine } from "../support/program.ts";

const stuck = ["--engine", "synthetic", "--first-token-ms", "600000"];
const quick = ["--engine", "synthetic", "--first-token-ms", "1", "--tokens-per-second", "2000"];
const steady = ["--engine", "synthetic", "--first-token-ms", "1", "--tokens-per-second", "20"];

let mesh: Mesh;
afterEach(() => mesh?.stop());

const ask = (body: object = {}, signal?: AbortSignal) =>
  fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: mesh.headers,
    body: JSON.stringify({
      model: mesh.model,
      messages: [{ role: "user", content: "Say something." }],
      max_tokens: 400,
      ...body,
    }),
    ...(signal === undefined ? {} : { signal }),
  });

/** Asks the routers, as `cxmpute nodes` does, until one says that a node runs so many generations. */
async function untilRunning(nodeId: string, count: number): Promise<void> {
  const transports = mesh.routers.map((address) => createGrpcTransport({ address }));
  const routers = transports.map((transport) => createClient(RouterService, transport));
  const generation = { id: "dry", model: mesh.model };
  try {
    for (let tries = 0; tries < 500; tries++) {
      const answers = await Promise.all(routers.map((router) => router.explainRoute({ generation })));
      const verdicts = answers.flatMap((answer) => answer.verdicts);
      if (verdicts.some(({ node, load }) => node?.id === nodeId && load?.running === count)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    for (const transport of transports) transport.close();
  }
  throw new Error(`${nodeId} never ran ${count} generations.`);
}

describe("a node that dies before its first token", () => {
  test.each([
    { kind: "dialled", dialled: true },
    { kind: "attached", dialled: false },
  ])("moves what it had to another node, when it is $kind", async ({ dialled }) => {
    mesh = await startMesh("in many processes", { engine: stuck, nodes: [dialled ? "dialled" : "attached"] });
    const victim = dialled ? "dialled" : "attached";
    const streamed = ask({ stream: true, max_tokens: 20 });
    const whole = ask({ max_tokens: 20 });
    await untilRunning(victim, 2);
    await mesh.join("rescuer", quick);
    await mesh.programs.get(victim)?.stop("SIGKILL");
    const answer = (await (await whole).json()) as { choices: { message: { content: string } }[] };
    const text = await (await streamed).text();
    expect((await whole).status).toBe(200);
    expect(answer.choices[0]?.message.content.length).toBeGreaterThan(0);
    expect(text).toContain("data: [DONE]");
    expect(text.match(/"role":"assistant"/g)?.length).toBe(1);
    const moved = await mesh.programs
      .get("rescuer")
      ?.logged((line) => line.msg === "generation finished" && line.node_id === "rescuer");
    expect(moved).toBeDefined();
  });
});

describe("a node that dies in the middle of a stream that nobody else can continue", () => {
  test("ends the stream with an error object, never with a fake end", async () => {
    const unable = ["--synthetic-models", JSON.stringify({ unable: { resume: "none" } })];
    mesh = await startMesh("in many processes", { engine: [...steady, ...unable], nodes: ["dialled"] });
    const response = await ask({ stream: true, model: "unable" });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes('"content":" ') && !/"content":"\S/.test(text))
      text += (await reader?.read())?.value ?? "";
    await mesh.programs.get("dialled")?.stop("SIGKILL");
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
      text += part.value;
    expect(text).toMatch(/data: \{"error":\{.*\}\}\n\n$/);
    expect(text).not.toContain("[DONE]");
    expect(text).not.toContain('"finish_reason":"stop"');
  });
});

describe("a model whose nodes have gone", () => {
  test.each([false, true])("is known still: 503, and when to ask again; as a stream: %s", async (stream) => {
    mesh = await startMesh("in many processes", { engine: quick, nodes: ["dialled"] });
    await mesh.programs.get("dialled")?.stop();
    const refusal = async () => {
      const response = await ask({ stream });
      return [response.status, response.headers.get("retry-after"), await response.json()];
    };
    const message = "No node serves the model `synthetic` right now: try again soon.";
    // The routers hear of it a moment later.
    await expect
      .poll(refusal)
      .toEqual([503, "5", { error: { message, type: "server_error", param: null, code: null } }]);
  });
});

describe("a router that dies", () => {
  test("takes nothing with it that has not begun to show: the next request goes through the other", async () => {
    mesh = await startMesh("in many processes", { engine: quick });
    await mesh.programs.get("router-1")?.stop("SIGKILL");
    for (let count = 0; count < 10; count++) expect((await ask({ max_tokens: 5 })).status).toBe(200);
  });
});

describe.each(shapes)("a client that leaves a mesh %s", (shape: Shape) => {
  beforeEach(async () => {
    mesh = await startMesh(shape, { engine: steady, nodes: ["attached"] });
  });

  /** The node's own line about the end of a generation, from wherever the node runs. */
  const ended = (accept: (line: LogLine) => boolean): Promise<LogLine> => {
    const program = mesh.programs.get("up") ?? mesh.programs.get("attached");
    if (program === undefined) throw new Error("No node runs.");
    return program.logged(
      (line) => line.service === "inference" && line.outcome === "cancelled" && accept(line),
    );
  };

  test.each([
    { when: "while it streams", body: { stream: true }, afterFirstChunk: true },
    { when: "before it gets an answer at once", body: {}, afterFirstChunk: false },
  ])("frees its slot, $when", async ({ body, afterFirstChunk }) => {
    const client = new AbortController();
    const requestId = `leaver-${afterFirstChunk}`;
    const request = fetch(`${mesh.url}/v1/chat/completions`, {
      method: "POST",
      headers: { ...mesh.headers, "x-request-id": requestId },
      body: JSON.stringify({
        model: mesh.model,
        messages: [{ role: "user", content: "Go on for long." }],
        max_tokens: 1000,
        ...body,
      }),
      signal: client.signal,
    });
    if (afterFirstChunk) await (await request).body?.getReader().read();
    else {
      request.catch(() => {});
      // Another request, begun later on the same connection pool, has answered: the first one is running.
      // A machine that is busy with other things may take the node for lost a moment: 503, and the first one waits.
      await expect.poll(async () => (await ask({ max_tokens: 1 })).status).toBe(200);
    }
    client.abort();
    await ended(({ request_id }) => request_id === requestId);
  });
});
