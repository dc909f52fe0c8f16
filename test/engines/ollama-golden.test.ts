import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fromJsonString } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  createOllamaEngine,
  type OllamaOptions,
  pullOllamaModel,
} from "../../services/inference/engines/ollama/index.ts";
import { formatGolden, type GoldenFile, parseGolden } from "../support/inference/ollama/golden-file.ts";
import { fetchInPieces, type Ground, startReplay } from "../support/inference/ollama/replay-server.ts";
import { tellEvent, tellFailure, tellModel } from "../support/inference/ollama/tell.ts";

const folder = fileURLToPath(new URL("../golden/ollama/", import.meta.url));
const never = new AbortController().signal;

/** What Ollama says of itself and its models where a recording says nothing. */
function groundOf({ call, asked }: GoldenFile): Ground {
  const [kind, version = "0.33.0"] = call.split("@");
  if (kind !== "generate") return {};
  const { model } = JSON.parse(asked) as { model: string };
  const embeds = model.startsWith("all-minilm");
  const thinks = model.startsWith("qwen3") || model.startsWith("gpt-oss");
  const capabilities = embeds
    ? ["embedding"]
    : ["completion", "tools", "vision", ...(thinks ? ["thinking"] : [])];
  return {
    "GET /api/version": { version },
    "GET /api/tags": {
      models: [{ name: model, model, size: 2019393189, digest: "a80c4f17acd5", details: {} }],
    },
    "GET /api/ps": { models: [] },
    "POST /api/show": {
      capabilities,
      details: {
        family: model.startsWith("gpt-oss") ? "gptoss" : "llama",
        parameter_size: "3.2B",
        quantization_level: "Q4_K_M",
      },
      model_info: { "general.architecture": "llama", "llama.context_length": 131072 },
    },
  };
}

/** Plays a case against the engine; bodies come in pieces of so many bytes. */
async function play(file: GoldenFile, bytes: number): Promise<GoldenFile> {
  const server = await startReplay(file.exchanges, groundOf(file));
  const told: string[] = [];
  const surroundings = { clock: systemClock, log: silentLog, fetch: fetchInPieces(bytes) };
  try {
    const [kind] = file.call.split("@");
    if (kind === "pull") {
      const asked = JSON.parse(file.asked) as string;
      await pullOllamaModel(
        { url: server.url, ...surroundings },
        asked,
        (progress) => told.push(JSON.stringify(progress)),
        never,
      );
      told.push("pulled");
    } else {
      const options = kind === "models" ? (JSON.parse(file.asked) as OllamaOptions) : {};
      const engine = createOllamaEngine({ ...options, url: server.url }, surroundings);
      const models = await engine.models(never);
      if (kind === "models") told.push(...models.map(tellModel));
      else
        for await (const event of engine.generate(fromJsonString(GenerationSchema, file.asked), never))
          told.push(...tellEvent(event));
    }
  } catch (error) {
    told.push(tellFailure(error));
  } finally {
    await server.close();
  }
  const exchanges = file.exchanges.map((exchange, index) => ({
    ...exchange,
    request: server.requests[index]?.request ?? "nothing",
    requestBody: server.requests[index]?.body ?? "",
  }));
  expect(server.requests.length, "requests").toBe(file.exchanges.length);
  return { ...file, exchanges, told };
}

describe("recorded exchanges with Ollama", () => {
  const names = readdirSync(folder).toSorted();

  test.each(names)("%s", async (name) => {
    const text = readFileSync(folder + name, "utf8");
    const file = parseGolden(text);
    const played = formatGolden(await play(file, 65_536));
    if (process.env.GOLDEN === "write") writeFileSync(folder + name, played);
    else expect(played).toBe(text);
    // Wherever the bytes are cut, the same comes of them.
    for (const bytes of [1, 7]) expect(formatGolden(await play(file, bytes))).toBe(played);
  });
});
