import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalogueNames } from "../../core/catalogue/catalogue-names.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import {
  chunk,
  done,
  event,
  modelList,
  type ScriptedServer,
  scriptedServer,
  sendEvents,
  sendJson,
} from "../support/inference/openai.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";

let mesh: Mesh;
beforeAll(async () => {
  mesh = await startMesh("in many processes", { nodes: [], routers: 1 });
});
afterAll(() => mesh?.stop());

const messages = [{ role: "user", content: "hi" }];
/** A request for a model on each surface. */
const surfaces: Readonly<Record<string, (model: string) => RequestInit & { path: string }>> = {
  chat: (model) => post("/v1/chat/completions", { model, messages }),
  "chat, streaming": (model) => post("/v1/chat/completions", { model, messages, stream: true }),
  completions: (model) => post("/v1/completions", { model, prompt: "hi" }),
  embeddings: (model) => post("/v1/embeddings", { model, input: "hi" }),
  responses: (model) => post("/v1/responses", { model, input: "hi" }),
  messages: (model) => post("/v1/messages", { model, messages, max_tokens: 5 }),
  "the model itself": (model) => ({ path: `/v1/models/${model}` }),
  "the model itself, for Anthropic's clients": (model) => ({
    path: `/v1/models/${model}`,
    headers: { "anthropic-version": "2023-06-01", "x-api-key": mesh.apiKey },
  }),
};
const names = Object.keys(surfaces);

function post(path: string, body: object): RequestInit & { path: string } {
  const headers = { "anthropic-version": "2023-06-01", "x-api-key": mesh.apiKey };
  return { path, method: "POST", body: JSON.stringify(body), headers };
}

async function ask(surface: string, model: string) {
  const { path, ...init } = surfaces[surface]!(model);
  const response = await fetch(`${mesh.url}${path}`, {
    ...init,
    headers: { ...mesh.headers, ...init.headers },
  });
  return {
    status: response.status,
    retryAfter: response.headers.get("retry-after"),
    body: (await response.json()) as { error: { message: string; type: string } },
  };
}

/** What a Connect client hears. */
const askConnect = (model: string) => {
  const transport = createConnectTransport({
    baseUrl: mesh.url,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        for (const [name, value] of Object.entries(mesh.headers))
          if (name !== "content-type") request.header.set(name, value);
        return next(request);
      },
    ],
  });
  const generation = { model, messages: [{ role: 2, parts: [{ part: { case: "text", value: "hi" } }] }] };
  return Array.fromAsync(
    createClient(RouterService, transport).generate({ generation: generation as never }),
  );
};

/** Anthropic's API has a status of its own for it. */
const statusOf = (surface: string): number => (/messages|Anthropic/.test(surface) ? 529 : 503);

const unavailable = 14;
const notFound = 5;
const [catalogued] = catalogueNames();

// In order: each part of this file finds the mesh as the one before has left it.
describe("a mesh in which no node ever was", () => {
  test("says so once its router has connected and heard from the registry", async () => {
    const said = async () => (await ask("chat", "anything")).body.error.message;
    await expect.poll(said).toBe("No node of this mesh serves a model yet: try again soon.");
  });

  test.each(names)("asks for patience, for any name: %s", async (surface) => {
    for (const model of [catalogued!, "no-such-model"])
      expect(await ask(surface, model)).toMatchObject({
        status: statusOf(surface),
        retryAfter: "5",
        body: { error: { message: "No node of this mesh serves a model yet: try again soon." } },
      });
  });

  test("asks Connect's clients for patience", async () => {
    await expect(askConnect("no-such-model")).rejects.toMatchObject({ code: unavailable });
  });
});

describe("a mesh that a server with bad names has joined", () => {
  const tooLong = "x".repeat(300);
  let server: ScriptedServer;
  beforeAll(async () => {
    server = await scriptedServer((received) => {
      const { method, path } = received;
      if (path === "/v1/models")
        return sendJson(received, modelList(tooLong, "good", "line\nbreak", "good", "", "bell\u0007"));
      if (method !== "POST") return;
      sendEvents(
        received,
        event(chunk({ role: "assistant", content: "Hello" })) + event(chunk({}, "stop")) + done,
      );
      received.response.end();
    });
    await mesh.join("bad-names", ["--engine", "openai", "--url", server.url]);
  });
  afterAll(() => server?.close());

  test("has the good one, and a warning for each of the others", async () => {
    await expect.poll(async () => (await ask("chat", "good")).status, { timeout: 30_000 }).toBe(200);
    const warnings = mesh.programs
      .get("bad-names")!
      .entries()
      .filter(({ msg }) => msg.includes("is not offered to the mesh: Invalid "))
      .map(({ msg }) => msg.split("`")[1]);
    expect(warnings.sort()).toEqual(["bell\\u0007", "line\\nbreak", `${"x".repeat(80)}…`]);
  });

  test.each(names)("asks for patience for a model of the catalogue: %s", async (surface) => {
    expect(await ask(surface, catalogued!)).toMatchObject({ status: statusOf(surface), retryAfter: "5" });
  });

  test.each(names)("knows no model of a name that nobody can know: %s", async (surface) => {
    expect(await ask(surface, "no-such-model")).toMatchObject({ status: 404, retryAfter: null });
  });

  test("tells Connect's clients both", async () => {
    await expect(askConnect(catalogued!)).rejects.toMatchObject({ code: unavailable });
    await expect(askConnect("no-such-model")).rejects.toMatchObject({ code: notFound });
  });
});

describe("a mesh that its last node has left", () => {
  beforeAll(async () => {
    await mesh.programs.get("bad-names")!.stop();
  });

  test.each(names)("asks for patience for what the node served: %s", async (surface) => {
    await expect.poll(async () => (await ask(surface, "good")).status).toBe(statusOf(surface));
  });

  test.each(names)("knows no model of a name that nobody can know: %s", async (surface) => {
    expect((await ask(surface, "no-such-model")).status).toBe(404);
  });
});
