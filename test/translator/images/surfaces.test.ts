import { describe, expect, test } from "vitest";
import { systemClock } from "../../../core/clock.ts";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { createImageFetcher } from "../../../services/translator/images/image-fetcher.ts";
import { answering, answerOf, bearer, createTestApp } from "../../support/translator/translator.ts";
import { serveTranslator } from "../support.ts";
import { loopbackNetwork, pictures, sending, servePictures } from "./support.ts";

/** A question with one picture, on each surface. */
const surfaces = [
  {
    path: "/v1/chat/completions",
    body: (url: string) => ({
      messages: [
        { role: "system", content: "Look." },
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url, detail: "low" } },
          ],
        },
      ],
    }),
    param: "messages[1].content[1].image_url.url",
  },
  {
    path: "/v1/chat/completions",
    body: (url: string) => ({
      messages: [{ role: "user", content: [{ type: "image_url", image_url: url }] }],
    }),
    param: "messages[0].content[0].image_url",
  },
  {
    path: "/v1/responses",
    body: (url: string) => ({
      input: [{ role: "user", content: [{ type: "input_image", image_url: url }] }],
    }),
    param: "input[0].content[0].image_url",
  },
  {
    path: "/v1/messages",
    body: (url: string) => ({
      max_tokens: 5,
      messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url } }] }],
    }),
    param: "messages.0.content.0.source.url",
  },
];

/** Asks an app whose pictures come from the loopback network. */
function askWith(network = loopbackNetwork().network) {
  const generations: Generation[] = [];
  const app = createTestApp({
    fetchImages: createImageFetcher(systemClock, network),
    generate: (generation, signal) => {
      generations.push(generation);
      return answering(answerOf("A cat."))(generation, signal);
    },
  });
  const ask = async (path: string, body: object) => {
    const response = await app.inject({
      method: "POST",
      url: path,
      headers: bearer,
      payload: { model: "m", ...body },
    });
    return { status: response.statusCode, body: response.json() };
  };
  return { ask, generations };
}

const imagesOf = ({ messages }: Generation) =>
  messages.flatMap(({ parts }) => parts.flatMap(({ part }) => (part.case === "image" ? [part.value] : [])));

describe.each(surfaces)("$path with $param", ({ path, body, param }) => {
  test("takes a picture by its address, where the operator has it fetched", async () => {
    const { port } = await servePictures(sending(pictures.png));
    const { ask, generations } = askWith();
    expect(await ask(path, body(`http://pictures.test:${port}/a.png`))).toMatchObject({ status: 200 });
    const [image] = imagesOf(generations[0]!);
    expect(image?.mimeType).toBe("image/png");
    expect(Buffer.from(image!.data)).toEqual(pictures.png);
  });

  test.each([
    ["http://127.0.0.2/", "could not be fetched"],
    ["https://name:password@pictures.test/", "a user name or a password"],
    ["http://[::1", "address is not valid"],
    ["file:///etc/passwd", "n http or https URL"],
    ["ftp://pictures.test/", "n http or https URL"],
    [`http://pictures.test/${"a".repeat(9000)}`, "address is not valid"],
  ])("refuses %s, naming the parameter", async (url, message) => {
    const { ask, generations } = askWith();
    const answer = await ask(path, body(url));
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain(message);
    if (path === "/v1/messages") expect(answer.body.error.message).toContain(`${param}: `);
    else expect(answer.body.error).toMatchObject({ param, code: "invalid_image_url" });
    expect(generations).toEqual([]);
  });
});

test("a response that is continued has its pictures fetched again, and names them when they are gone", async () => {
  let gone = false;
  const { port, requests } = await servePictures((request, response) => {
    if (gone) response.writeHead(410).end();
    else sending(pictures.png)(request, response);
  });
  const { ask, generations } = askWith();
  const first = await ask("/v1/responses", surfaces[2]!.body(`http://pictures.test:${port}/a.png`));
  const next = { previous_response_id: first.body.id, input: "And now?" };
  expect((await ask("/v1/responses", next)).status).toBe(200);
  expect(imagesOf(generations[1]!)).toHaveLength(1);
  expect(requests).toHaveLength(2);
  gone = true;
  expect((await ask("/v1/responses", next)).body.error).toMatchObject({ param: "previous_response_id" });
});

test("at most 16 pictures of a request are fetched", async () => {
  const { ask } = askWith();
  const content = Array.from({ length: 17 }, () => ({
    type: "image_url",
    image_url: "http://pictures.test/",
  }));
  const answer = await ask("/v1/chat/completions", { messages: [{ role: "user", content }] });
  expect(answer.body.error).toMatchObject({
    param: "messages[0].content[16].image_url",
    message:
      "Invalid image URL: at most 16 images per request are fetched. Send the others themselves, in base64.",
  });
});

test("a translator that fetches does not connect to its own machine, however the address is written", async () => {
  const { port, connections } = await servePictures(sending(pictures.png));
  const translator = await serveTranslator(answering(answerOf("A cat.")), { fetchImages: true });
  const answers = await Promise.all(
    [
      "127.0.0.1",
      "localhost",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "127.1",
      "0",
      "0.0.0.0",
      "[::1]",
      "[::]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[64:ff9b::7f00:1]",
      "[2002:7f00:1::]",
      "①②⑦.⓪.⓪.①",
    ].map(async (host) => {
      const response = await fetch(`${translator.url}/v1/chat/completions`, {
        method: "POST",
        headers: { ...bearer, "content-type": "application/json" },
        body: JSON.stringify({ model: "m", ...surfaces[0]!.body(`http://${host}:${port}/`) }),
      });
      const { error } = (await response.json()) as { error?: { message: string } };
      return [host, response.status, error?.message];
    }),
  );
  for (const [, status, message] of answers)
    expect([status, message]).toEqual([400, expect.stringContaining("the image could not be fetched")]);
  expect(connections()).toBe(0);
});

test("a client that leaves ends the fetch", async () => {
  const asked = Promise.withResolvers<void>();
  const { port, open } = await servePictures(() => asked.resolve());
  const app = createTestApp({
    clock: systemClock,
    fetchImages: createImageFetcher(systemClock, loopbackNetwork().network),
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const controller = new AbortController();
  const answer = fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    signal: controller.signal,
    headers: { ...bearer, "content-type": "application/json" },
    body: JSON.stringify({ model: "m", ...surfaces[0]!.body(`http://pictures.test:${port}/`) }),
  }).catch((error: unknown) => error);
  await asked.promise;
  controller.abort();
  await answer;
  await expect.poll(open).toBe(0);
  await app.close();
});
