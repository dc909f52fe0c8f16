import type { z } from "zod";
import type { Clock } from "../../../../core/clock.ts";
import { parseJson } from "../../../../core/json.ts";
import { within } from "../../../../core/streams/within.ts";
import { readConnectionFault } from "../../servers/connection-fault.ts";
import { Utf8Stream } from "../text/utf8-stream.ts";
import { members } from "../upstream/json.ts";
import { boundedText } from "../upstream/upstream-text.ts";
import { versionSchema } from "./api.ts";
import { type Asked, failed, toFailure } from "./failures.ts";

export interface OllamaClientOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly fetch?: typeof fetch | undefined;
  /** Its name in errors; default: `Ollama at …`. */
  readonly who?: string;
}

/** The limit of requests that Ollama answers from memory or a file, in milliseconds. */
const answerTimeoutMs = 10_000;

/** The largest answer that is not a stream: embeddings are long. */
const answerLimitBytes = 256 * 1024 * 1024;
const errorLimitBytes = 64 * 1024;

/** HTTP to one Ollama. Throws `MeshError` or the signal's reason; leaves no body unread. */
export class OllamaClient {
  /** Without a slash at the end. */
  readonly url: string;
  readonly who: string;
  readonly #clock: Clock;
  readonly #fetch: typeof fetch;

  constructor({ url, clock, fetch: given, who }: OllamaClientOptions) {
    this.url = url.replace(/\/+$/, "");
    this.who = who ?? `Ollama at ${this.url}`;
    this.#clock = clock;
    this.#fetch = given ?? fetch;
  }

  /** A quick request: GET without a body, POST with one; `model` is for errors. */
  ask<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal, body?: object, model = ""): Promise<T> {
    const asked = { who: this.who, model };
    const once = (scope: AbortSignal) => this.once(path, schema, scope, body, asked);
    return within(this.#clock, answerTimeoutMs, signal, once, () =>
      failed(`${this.who} does not answer: no answer in ${answerTimeoutMs / 1000} s.`),
    );
  }

  async answers(signal: AbortSignal): Promise<boolean> {
    await this.once("/api/version", versionSchema, signal, undefined, { who: this.who });
    return true;
  }

  /** A request without time limit. */
  async once<T>(
    path: string,
    schema: z.ZodType<T>,
    signal: AbortSignal,
    body: object | undefined,
    asked: Asked,
  ): Promise<T> {
    const response = await this.#send(path, signal, body, asked);
    const text = await this.#reading(signal, () => boundedText(response.body, answerLimitBytes));
    return this.#parse(text, schema, asked);
  }

  /** The lines of an answer as they arrive; the caller detects a missing last line. Throws `MeshError`. */
  async *lines<T>(
    path: string,
    schema: z.ZodType<T>,
    signal: AbortSignal,
    body: object,
    asked: Asked,
  ): AsyncGenerator<T> {
    const response = await this.#send(path, signal, body, asked);
    const lines = linesOf(response.body ?? emptyBody());
    try {
      for (;;) {
        const { value, done } = await this.#reading(signal, () => lines.next());
        if (done) return;
        yield this.#parse(value, schema, asked);
      }
    } finally {
      await lines.return(undefined);
    }
  }

  async #send(path: string, signal: AbortSignal, body: object | undefined, asked: Asked): Promise<Response> {
    const headers = { "content-type": "application/json" };
    const post = body && { method: "POST", headers, body: JSON.stringify(body) };
    const response = await this.#fetch(`${this.url}${path}`, { signal, redirect: "error", ...post }).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        throw failed(
          `${this.who} does not answer: ${readConnectionFault(error).why}. Start it with \`ollama serve\`, or say where it is with --url.`,
          error,
        );
      },
    );
    const type = response.headers.get("content-type") ?? "";
    const isJson = /^application\/(?:x-ndjson|json)\b/i.test(type);
    if (response.ok && isJson) return response;
    const text = await this.#reading(signal, () => boundedText(response.body, errorLimitBytes));
    if (response.ok || !(isJson || type === "" || /^text\/plain\b/i.test(type)))
      throw failed(
        `${this.who} answers with ${type === "" ? "no content type" : type.split(";")[0]} (status ${response.status}) instead of Ollama's JSON. Is it Ollama? Check the URL, and what stands between.`,
      );
    throw toFailure(response.status, text, asked);
  }

  async #reading<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const why =
        error instanceof RangeError ? "a line of its answer is too long" : readConnectionFault(error).why;
      throw failed(`${this.who} broke off in the middle of an answer: ${why}.`, error);
    }
  }

  #parse<T>(text: string, schema: z.ZodType<T>, asked: Asked): T {
    const error = errorIn(text);
    if (error !== undefined) throw toFailure(0, error, asked);
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw failed(`${this.who} answered in a form that is not Ollama's.`, parsed.error);
  }
}

function errorIn(line: string): string | undefined {
  // Parses only the few lines that may hold the key.
  if (!line.includes('"error"')) return undefined;
  const { error } = members(parseJson(line));
  if (error === undefined || error === null) return undefined;
  return typeof error === "string" ? error : JSON.stringify({ error });
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

/** The longest line, in UTF-16 units; Ollama's own readers stop at 8 MB. */
export const lineLimitUnits = 8 * 1024 * 1024;

/** The lines of a body, without empty ones; the last needs no line break. Throws a RangeError for too long a line. */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new Utf8Stream();
  let open = "";
  for await (const bytes of body) {
    const pieces = decoder.push(bytes).split("\n");
    for (const [index, piece] of pieces.entries()) {
      open += piece;
      if (open.length > lineLimitUnits) throw new RangeError("A line is too long.");
      if (index === pieces.length - 1) continue;
      if (open.trim() !== "") yield open;
      open = "";
    }
  }
  open += decoder.end();
  if (open.trim() !== "") yield open;
}
