import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Mesh, startMesh } from "../support/mesh.ts";
import type { Program } from "../support/program.ts";

const steady = ["--engine", "synthetic", "--first-token-ms", "1", "--tokens-per-second", "20"];

let mesh: Mesh;

const connect = (OpenAI: typeof OpenAI7) =>
  new OpenAI({ apiKey: mesh.apiKey, baseURL: `${mesh.url}/v1`, maxRetries: 0 });
const longAnswer = (model: string) => ({ model, input: "Go on for long.", max_output_tokens: 1000 });

/** A client leaves while it reads a stream, and while it waits for a whole answer; resolves once `node` has ended both. */
async function leave(node: Program, model: string): Promise<void> {
  for (const streams of [true, false]) {
    const client = connect(OpenAI7);
    const requestId = `leaver-${streams}`;
    const controller = new AbortController();
    const options = { signal: controller.signal, headers: { "x-request-id": requestId } };
    if (streams) {
      const stream = await client.responses.create({ ...longAnswer(model), stream: true }, options);
      for await (const { type } of stream) if (type === "response.output_text.delta") break;
    } else {
      client.responses.create(longAnswer(model), options).catch(() => {});
      // Another request, begun later, has answered: the first one is running.
      await client.responses.create({ ...longAnswer(model), max_output_tokens: 1 });
    }
    controller.abort();
    await node.logged(
      (each) => each.service === "inference" && each.outcome === "cancelled" && each.request_id === requestId,
    );
  }
}

/** Each test has a node and a model of its own. */
describe("a mesh in many processes", () => {
  beforeAll(async () => {
    mesh = await startMesh("in many processes", { nodes: [] });
  });
  afterAll(() => mesh?.stop());

  test.each([
    { major: 6, OpenAI: OpenAI6 as unknown as typeof OpenAI7 },
    { major: 7, OpenAI: OpenAI7 },
  ])(
    "ends a stream whose node dies, and that no other can continue, as failed, for the openai SDK, major $major",
    async ({ major, OpenAI }) => {
      const model = `unable-${major}`;
      // Beside its own model one with answers that no other node can continue.
      const unable = ["--synthetic-models", JSON.stringify({ [model]: { resume: "none" } })];
      const node = await mesh.join(model, [...steady, "--model", `able-${major}`, ...unable], {
        dialled: true,
      });
      const client = connect(OpenAI);
      const stream = client.responses.stream(longAnswer(model));
      const types: string[] = [];
      let text = "";
      for await (const event of stream) {
        if (types.at(-1) !== event.type) types.push(event.type);
        if (event.type !== "response.output_text.delta") continue;
        if (text === "") await node.stop("SIGKILL");
        text += event.delta;
      }
      expect(types).toEqual([
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.failed",
      ]);
      const final = await stream.finalResponse();
      expect(final).toMatchObject({ status: "failed", error: { code: "server_error" } });
      expect(final.output_text).toBe(text);
      expect(await client.responses.retrieve(final.id)).toMatchObject({
        status: "failed",
        error: final.error,
      });
    },
  );

  test("ends the generation of a client that leaves", async () => {
    await leave(await mesh.join("left", [...steady, "--model", "left"]), "left");
  });
});

test("a mesh in one process ends the generation of a client that leaves", async () => {
  mesh = await startMesh("in one process", { engine: steady });
  try {
    await leave(mesh.programs.get("up")!, mesh.model);
  } finally {
    await mesh.stop();
  }
});
