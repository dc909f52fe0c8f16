import Anthropic from "@anthropic-ai/sdk";
import { expect, onTestFinished, test } from "vitest";
import { createTestApp, modelOf, testKey } from "../support/translator/translator.ts";

test("Anthropic's SDK lists all models, page by page, and tells of one", async () => {
  const names = Array.from({ length: 45 }, (_, index) => `model-${String(index).padStart(2, "0")}`);
  const app = createTestApp({ listModels: async () => names.map((name) => modelOf(name)) });
  onTestFinished(() => app.close());
  const baseURL = await app.listen({ host: "127.0.0.1", port: 0 });
  const client = new Anthropic({ apiKey: testKey, authToken: null, baseURL, maxRetries: 0 });
  const found: string[] = [];
  for await (const { id } of client.models.list()) found.push(id);
  expect(found).toEqual(names);
  expect(await client.models.retrieve("model-07")).toMatchObject({ type: "model", id: "model-07" });
  await expect(client.models.retrieve("model-99")).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  const stranger = new Anthropic({
    apiKey: "sk-cx-wrong-wrong-wrong",
    authToken: null,
    baseURL,
    maxRetries: 0,
  });
  await expect(stranger.models.list()).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
});
