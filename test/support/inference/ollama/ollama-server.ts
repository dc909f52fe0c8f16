import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { orAborted } from "../../../../core/streams/or-aborted.ts";
import type { Generation, GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Engine } from "../../../../services/inference/engine.ts";
import { Slots } from "../../../../services/inference/guard/slots.ts";
import { answerLines } from "./answer-lines.ts";
import { modelDescriptions } from "./model-descriptions.ts";
import { pullLines } from "./pull-lines.ts";
import { type Answer, generatingFault, json, modelFault, refusal, toRefusal } from "./refusals.ts";
import {
  type ChatBody,
  type GeneratingRequest,
  readChat,
  readEmbed,
  readGenerate,
  readPull,
  readShow,
} from "./requests.ts";
import { chatGeneration, embedGeneration, rawGeneration } from "./to-generation.ts";
import { writeAnswer } from "./write-answer.ts";

/** A request that reached the server. */
export interface SeenRequest {
  readonly path: string;
  readonly body: unknown;
  /** Whether the client left before the end of the answer. */
  left: boolean;
}

/** An Ollama for tests. */
export interface OllamaServer {
  readonly url: string;
  /** In order. */
  readonly seen: readonly SeenRequest[];
  /** What `/api/version` says; may be changed. */
  version: string;
  /** What answers wait for before they begin, as they do while a model is loaded; may be changed. */
  loading: Promise<void>;
  /** Whether the connection breaks now that an answer has so many lines; may be changed. */
  breaks: (lines: number) => boolean;
  close(): Promise<void>;
}

/** What the server is made of. */
export interface OllamaServerOptions {
  /** Computes the answers; closed with the server. */
  readonly engine: Engine;
  /** OLLAMA_NUM_PARALLEL. */
  readonly parallel: number;
}

/**
 * A server on loopback that behaves as the source of Ollama says (v0.33.0-rc2, ollama/ollama at
 * fb30760996871fa9460115c753afd2c60d4ab0f7): its paths, its strictness about JSON, its errors and their statuses, its
 * lines. What it says comes from a real engine with a real model, `starter`, which it has beside a model of the cloud.
 */
export async function startOllamaServer({ engine, parallel }: OllamaServerOptions): Promise<OllamaServer> {
  const [served] = await engine.models(new AbortController().signal);
  const { tags, show, ps } = modelDescriptions(served!.contextLength);
  const slots = new Slots({
    model: "starter",
    slots: parallel,
    queueLimit: 512,
    clock: systemClock,
    onChange: () => {},
  });
  const seen: SeenRequest[] = [];
  const state = { version: "0.33.0", loading: Promise.resolve(), breaks: (_lines: number) => false };

  /** Runs a generation when its turn comes, as `Scheduler` and the runner's semaphore let it. */
  async function* run(generation: Generation, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const turn = Promise.withResolvers<void>();
    const place = slots.take(turn.resolve);
    try {
      if (!place.running) await orAborted(turn.promise, signal);
      await orAborted(state.loading, signal);
      yield* engine.generate(generation, signal);
    } finally {
      place.release();
    }
  }

  /** Answers with the events of a generation; a prompt that is too long is cut where `truncate` allows it. */
  async function* generate(
    body: GeneratingRequest,
    make: (keep: number) => Generation,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent> {
    try {
      yield* run(make(Number.POSITIVE_INFINITY), signal);
    } catch (error) {
      const isTooLong = error instanceof MeshError && error.code === "context_length_exceeded";
      if (!isTooLong || body.truncate === false) throw error;
      yield* run(make(served!.contextLength), signal);
    }
  }

  const chat = (body: ChatBody, signal: AbortSignal) =>
    answerLines(
      generate(body, (keep) => chatGeneration(keepEnd(body, keep)), signal),
      body.model ?? "",
      body.top_logprobs ?? 0,
      (content, tool_calls) => ({
        message: { role: "assistant", content, ...(tool_calls.length === 0 ? {} : { tool_calls }) },
      }),
    );

  async function handle(path: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    switch (path) {
      case "GET /":
        return { status: 200, type: "text/plain; charset=utf-8", text: "Ollama is running" };
      case "GET /api/version":
        return json({ version: state.version });
      case "GET /api/tags":
        return json(tags);
      case "GET /api/ps":
        return json(ps);
      case "POST /api/show": {
        const { model, name } = readShow(body, "");
        return (model ?? name) === "starter:latest" || (model ?? name) === "starter"
          ? json(show)
          : refusal(404, `model '${model ?? name ?? ""}' not found`);
      }
      case "POST /api/chat": {
        const chatBody = readChat(body, "");
        const fault = generatingFault(chatBody);
        if (fault !== undefined) return fault;
        if ((chatBody.messages ?? []).length === 0)
          return json({
            model: chatBody.model,
            message: { role: "assistant", content: "" },
            done: true,
            done_reason: "load",
          });
        return { lines: chat(chatBody, signal) };
      }
      case "POST /api/generate": {
        const generateBody = readGenerate(body, "");
        const fault = generatingFault(generateBody);
        if (fault !== undefined) return fault;
        if (!generateBody.prompt)
          return json({ model: generateBody.model, response: "", done: true, done_reason: "load" });
        const events = generate(
          generateBody,
          (keep) => rawGeneration({ ...generateBody, prompt: (generateBody.prompt ?? "").slice(-keep) }),
          signal,
        );
        const top = generateBody.top_logprobs ?? 0;
        return { lines: answerLines(events, generateBody.model ?? "", top, (response) => ({ response })) };
      }
      case "POST /api/embed": {
        const embedBody = readEmbed(body, "");
        const fault = modelFault(embedBody.model);
        if (fault !== undefined) return fault;
        const { input } = embedBody;
        const texts = typeof input === "string" ? [input] : input;
        if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string"))
          return refusal(400, "invalid input type");
        const embeddings: number[][] = [];
        let count = 0;
        for await (const { event } of run(embedGeneration(texts, embedBody), signal)) {
          if (event.case === "embedded") embeddings.push(event.value.values);
          if (event.case === "finished") count = event.value.usage?.promptTokens ?? 0;
        }
        return json({
          model: embedBody.model,
          embeddings,
          total_duration: 14143917,
          prompt_eval_count: count,
        });
      }
      case "POST /api/pull": {
        const { model, name } = readPull(body, "");
        return { lines: pullLines(model ?? name ?? "") };
      }
      default:
        return { status: 404, type: "text/plain", text: "404 page not found" };
    }
  }

  const server = createServer((request, response) => {
    const gone = new AbortController();
    void (async () => {
      const text = await readBody(request);
      const entry: SeenRequest = { path: request.url ?? "", body: parse(text), left: false };
      seen.push(entry);
      response.on("close", () => {
        entry.left = !response.writableEnded;
        gone.abort();
      });
      const answer = await handle(`${request.method} ${request.url}`, entry.body, gone.signal).catch(
        toRefusal,
      );
      await writeAnswer(response, answer, (lines) => state.breaks(lines));
    })().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async close() {
      server.closeAllConnections();
      server.close();
      await engine.close();
    },
  });
}

/** The end of the last message, as far as it is kept. */
function keepEnd(body: ChatBody, keep: number): ChatBody {
  if (!Number.isFinite(keep)) return body;
  const last = body.messages?.at(-1);
  return {
    ...body,
    messages: last === undefined ? [] : [{ ...last, content: (last.content ?? "").slice(-keep) }],
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
