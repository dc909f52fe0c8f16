import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Mesh, shapes, startMesh } from "../support/mesh.ts";

/** Two pictures: 64 pixels, in grey and in black. */
const grey = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAC0lEQVR4nGNgIBkAAABIAAEhC6GyAAAAAElFTkSuQmCC";
const black =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const dataUrl = (base64: string) => `data:image/png;base64,${base64}`;

/** The same question about a picture on each surface, and where its answer has the text. */
const surfaces = [
  {
    path: "/v1/chat/completions",
    body: (url: string) => ({
      max_completion_tokens: 6,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url, detail: "auto" } },
          ],
        },
      ],
    }),
    textOf: (answer: { choices: { message: { content: string } }[] }) => answer.choices[0]!.message.content,
  },
  {
    path: "/v1/responses",
    body: (url: string) => ({
      max_output_tokens: 6,
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "What is this?" },
            { type: "input_image", image_url: url },
          ],
        },
      ],
    }),
    textOf: (answer: { output: { content: { text: string }[] }[] }) => answer.output[0]!.content[0]!.text,
  },
  {
    path: "/v1/messages",
    body: (url: string) => ({
      max_tokens: 6,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            url.startsWith("data:")
              ? {
                  type: "image",
                  source: { type: "base64", media_type: "image/png", data: url.slice(url.indexOf(",") + 1) },
                }
              : { type: "image", source: { type: "url", url } },
          ],
        },
      ],
    }),
    textOf: (answer: { content: { text: string }[] }) => answer.content[0]!.text,
  },
];

describe.each(shapes)("pictures, %s", (shape) => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await startMesh(shape, {
      engine: [
        ...["--engine", "synthetic", "--tokens-per-second", "0", "--slots", "4"],
        ...["--synthetic-models", JSON.stringify({ eyes: { vision: true } })],
      ],
      surface: ["--fetch-images", "--strict-keys"],
    });
  });
  afterAll(() => mesh?.stop());

  const post = async (path: string, body: object) => {
    const response = await fetch(`${mesh.url}${path}`, {
      method: "POST",
      headers: mesh.headers,
      body: JSON.stringify(body),
    });
    return { status: response.status, answer: await response.json() };
  };

  // The synthetic engine's text depends on every byte of its prompt: the same picture gives the same words, another
  // one others.
  test("reach an engine that can see, the same ones on each surface", async () => {
    const texts = (picture: string) =>
      Promise.all(
        surfaces.map(async ({ path, body, textOf }) => {
          const { status, answer } = await post(path, {
            model: "eyes",

            ...body(dataUrl(picture)),
          });
          expect(status).toBe(200);
          return textOf(answer as never);
        }),
      );
    const [ofGrey, ofBlack, again] = [await texts(grey), await texts(black), await texts(grey)];
    expect(ofGrey[0]).not.toBe("");
    expect(new Set(ofGrey).size).toBe(1);
    expect(again).toEqual(ofGrey);
    expect(ofBlack[0]).not.toBe(ofGrey[0]);
  });

  test("as large as a body may carry reach it, too", async () => {
    const large = Buffer.concat([Buffer.from(grey, "base64"), Buffer.alloc(14_500_000, 7)]).toString(
      "base64",
    );
    const { path, body } = surfaces[0]!;
    const ask = () => post(path, { model: "eyes", ...body(dataUrl(large)) });
    // Reading so much holds a process up; on a machine that is busy with other things its node may be taken for lost.
    let answered = await ask();
    for (let retries = 0; answered.status >= 500 && retries < 5; retries++) answered = await ask();
    expect(answered.status).toBe(200);
    expect((answered.answer as { usage: object }).usage).toMatchObject({ completion_tokens: 6 });
  });

  test.each([
    ["/v1/chat/completions", "messages"],
    ["/v1/responses", "input"],
  ])("are refused by %s where the model cannot see, by the name of the parameter", async (path, param) => {
    const { body } = surfaces.find((surface) => surface.path === path)!;
    const { status, answer } = await post(path, { model: "synthetic", ...body(dataUrl(grey)) });
    expect(status).toBe(400);
    expect((answer as { error: object }).error).toMatchObject({
      type: "invalid_request_error",
      code: "unsupported_value",
      param,
      message: expect.stringContaining("can read images"),
    });
  });

  test("are refused by /v1/messages where the model cannot see", async () => {
    const { path, body } = surfaces[2]!;
    const { status, answer } = await post(path, { model: "synthetic", ...body(dataUrl(grey)) });
    expect(status).toBe(400);
    expect((answer as { error: { message: string } }).error.message).toContain("can read images");
  });

  test("are not fetched from the mesh's own network", async () => {
    let connections = 0;
    const server = createServer((_request, response) => response.end()).on("connection", () => connections++);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (const { path, body } of surfaces) {
        const { status, answer } = await post(path, {
          model: "eyes",
          ...body(`http://127.0.0.1:${port}/a.png`),
        });
        expect(status).toBe(400);
        expect((answer as { error: { message: string } }).error.message).toContain(
          "image could not be fetched",
        );
      }
    } finally {
      server.close();
    }
    expect(connections).toBe(0);
  });

  test("come with known keys where the operator is strict", async () => {
    const { path, body } = surfaces[0]!;
    const { status, answer } = await post(path, { model: "eyes", ...body(dataUrl(grey)), zzz_unknown: 1 });
    expect(status).toBe(400);
    expect((answer as { error: object }).error).toMatchObject({
      code: "unknown_parameter",
      message: "Unknown parameter: 'zzz_unknown'.",
    });
  });
});
