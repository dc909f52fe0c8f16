import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { afterEach, describe, expect, test } from "vitest";
import { type Mesh, shapes, startMesh } from "../support/mesh.ts";

const steady = ["--engine", "synthetic", "--first-token-ms", "1", "--tokens-per-second", "20"];
/** Beside it a model with answers that no other node can continue. */
const unable = ["--synthetic-models", JSON.stringify({ unable: { resume: "none" } })];

let mesh: Mesh;
afterEach(() => mesh?.stop());

const sdks = [
  { major: 6, OpenAI: OpenAI6 as unknown as typeof OpenAI7 },
  { major: 7, OpenAI: OpenAI7 },
];
const connect = (OpenAI: typeof OpenAI7) =>
  new OpenAI({ apiKey: mesh.apiKey, baseURL: `${mesh.url}/v1`, maxRetries: 0 });
const longAnswer = () => ({ model: mesh.model, input: "Go on for long.", max_output_tokens: 1000 });

test.each(sdks)(
  "a stream whose node dies, and that nobody can continue, ends as failed, for the openai SDK, major $major",
  async ({ OpenAI }) => {
    mesh = await startMesh("in many processes", { engine: [...steady, ...unable], nodes: ["dialled"] });
    const client = connect(OpenAI);
    const stream = client.responses.stream({ ...longAnswer(), model: "unable" });
    const types: string[] = [];
    let text = "";
    for await (const event of stream) {
      if (types.at(-1) !== event.type) types.push(event.type);
      if (event.type !== "response.output_text.delta") continue;
      if (text === "") await mesh.programs.get("dialled")?.stop("SIGKILL");
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
    expect(await client.responses.retrieve(final.id)).toMatchObject({ status: "failed", error: final.error });
  },
);

describe.each(shapes)("a client that leaves a mesh %s", (shape) => {
  test.each([
    { when: "while it streams", streams: true },
    { when: "before it gets an answer at once", streams: false },
  ])("ends the generation, $when", async ({ streams }) => {
    mesh = await startMesh(shape, { engine: steady, nodes: ["attached"] });
    const client = connect(OpenAI7);
    const requestId = `leaver-${streams}`;
    const controller = new AbortController();
    const options = { signal: controller.signal, headers: { "x-request-id": requestId } };
    if (streams) {
      const stream = await client.responses.create({ ...longAnswer(), stream: true }, options);
      for await (const { type } of stream) if (type === "response.output_text.delta") break;
    } else {
      client.responses.create(longAnswer(), options).catch(() => {});
      // Another request, begun later, has answered: the first one is running.
      await client.responses.create({ ...longAnswer(), max_output_tokens: 1 });
    }
    controller.abort();
    const node = mesh.programs.get("up") ?? mesh.programs.get("attached");
    await node!.logged(
      (each) => each.service === "inference" && each.outcome === "cancelled" && each.request_id === requestId,
    );
  });
});
