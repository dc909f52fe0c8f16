import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../core/errors/mesh-error.ts";
import type { Generate } from "../../core/generate.ts";
import type { GenerationRecord, Surface } from "../../core/telemetry/generation-record.ts";
import {
  FinishedSchema,
  FinishReason,
  type GenerationEvent,
  GenerationEventSchema,
  GenerationSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { bearer, startedEvent, testKey, testUser, textEvent } from "../support/translator/translator.ts";
import { serveTranslator } from "./support.ts";

interface Ask {
  readonly surface: Surface;
  readonly way: "whole" | "streamed";
  /** Asks and reads the answer to its end, however that is. */
  ask(url: string, signal: AbortSignal): Promise<unknown>;
}

const over = (
  surface: Surface,
  path: string,
  body: Record<string, unknown>,
  ways = ["whole", "streamed"],
): Ask[] =>
  ways.map((way) => ({
    surface,
    way: way as Ask["way"],
    ask: async (url, signal) => {
      const response = await fetch(`${url}/v1${path}`, {
        method: "POST",
        headers: { ...bearer, "content-type": "application/json" },
        body: JSON.stringify({ model: "m", ...body, ...(way === "streamed" ? { stream: true } : {}) }),
        signal,
      });
      return response.text();
    },
  }));

const messages = [{ role: "user", content: "hi" }];
const asks: Ask[] = [
  ...over("chat", "/chat/completions", { messages }),
  ...over("completions", "/completions", { prompt: "hi" }),
  ...over("responses", "/responses", { input: "hi" }),
  ...over("messages", "/messages", { messages, max_tokens: 9 }),
  ...over("embeddings", "/embeddings", { input: "hi" }, ["whole"]),
  {
    surface: "connect",
    way: "streamed",
    ask: async (baseUrl, signal) => {
      const withKey = createConnectTransport({
        baseUrl,
        httpVersion: "1.1",
        interceptors: [
          (next) => (request) => {
            request.header.set("authorization", `Bearer ${testKey}`);
            return next(request);
          },
        ],
      });
      const generation = create(GenerationSchema, { model: "m", messages: [{}] });
      return Array.fromAsync(createClient(RouterService, withKey).generate({ generation }, { signal }));
    },
  },
];

const finished = (more = {}): GenerationEvent =>
  create(GenerationEventSchema, {
    event: {
      case: "finished",
      value: create(FinishedSchema, {
        reason: FinishReason.STOP,
        usage: { promptTokens: 3, completionTokens: 2 },
        ...more,
      }),
    },
  });

/** A translator whose records of ended generations are kept, and can be waited for. */
async function serve(generate: Generate) {
  const records: GenerationRecord[] = [];
  const first = Promise.withResolvers<void>();
  const { url } = await serveTranslator(generate, {
    onGenerationEnd: (record) => {
      records.push(record);
      first.resolve();
    },
  });
  return { url, records, first: first.promise };
}

const { signal: never } = new AbortController();

describe.each(asks)("$surface, $way", ({ surface, ask }) => {
  const answered: Generate = async function* ({ embedding }) {
    yield startedEvent("node-7");
    if (embedding === undefined) yield textEvent("Hello");
    else
      yield create(GenerationEventSchema, {
        event: { case: "embedded", value: { index: 0, values: [0.5] } },
      });
    yield finished({ continuations: [{ nodeId: "node-8", exact: true }] });
  };

  test("an answer that finishes gives one record, with who asked, who answered and what it took", async () => {
    const { url, records } = await serve(answered);
    await ask(url, never);
    expect(records).toEqual([
      {
        surface,
        requestId: expect.stringMatching(/^req_/),
        generationId: expect.any(String),
        model: "m",
        userId: testUser,
        keyId: expect.stringMatching(/^key_/),
        projectId: "",
        nodeId: "node-8",
        continuedOn: ["node-8"],
        outcome: FinishReason.STOP,
        promptTokens: 3,
        completionTokens: 2,
        firstTokenMs: surface === "embeddings" ? undefined : expect.any(Number),
        durationMs: expect.any(Number),
      },
    ]);
  });

  test.each([
    { when: "before it begins", begin: async function* () {} },
    {
      when: "in the middle",
      begin: async function* () {
        yield startedEvent("node-7");
        yield textEvent("Hel");
      },
    },
  ])("one that fails $when gives one record, with the kind of its failure", async ({ begin }) => {
    const { url, records } = await serve(async function* () {
      yield* begin();
      throw new MeshError("engine_failed", "The engine broke.");
    });
    await ask(url, never).catch(() => {});
    expect(records).toMatchObject([{ surface, outcome: "engine_failed", userId: testUser }]);
  });

  test("one whose client leaves gives one record of that", async () => {
    const begun = Promise.withResolvers<void>();
    const { url, records, first } = await serve(async function* (_, signal) {
      yield startedEvent("node-7");
      begun.resolve();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      signal.throwIfAborted();
    });
    const leaving = new AbortController();
    const answer = ask(url, leaving.signal).catch(() => {});
    await begun.promise;
    leaving.abort();
    await answer;
    await first;
    expect(records).toMatchObject([{ surface, outcome: "cancelled", nodeId: "node-7" }]);
  });
});
