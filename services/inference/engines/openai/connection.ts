import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { cacheSaltHeader } from "../../../../core/generation/cache-salt.ts";
import { hopsHeader, viaHeader } from "../../../../core/hops.ts";
import { parseJson } from "../../../../core/json.ts";
import type { Job } from "./job.ts";
import { toChatBody, toCompletionBody, toEmbeddingBody } from "./request/body.ts";
import { type JsonObject, toJson } from "./request/json.ts";
import { ConnectionFailure, describeBody, Refusal } from "./upstream/client.ts";
import { readEventFault } from "./upstream/fault.ts";
import { findRefused, withoutMembers } from "./upstream/optional-members.ts";
import { roomForAnswer, toGenerationError } from "./upstream/to-error.ts";

/** The stream that answers a chat or a raw prompt. Throws `MeshError`. */
export async function openStream(job: Job): Promise<ReadableStream<Uint8Array>> {
  const { rawPrompt, limits } = job.generation;
  const [path, build] =
    rawPrompt === undefined
      ? ["/chat/completions", (maxTokens?: number) => toChatBody(job, maxTokens)]
      : ["/completions", (maxTokens?: number) => toCompletionBody(job, rawPrompt, maxTokens)];
  const response = await send(job, path, "text/event-stream", build, limits?.maxTokens);
  const type = response.headers.get("content-type") ?? "";
  if (/^text\/event-stream\b/i.test(type.trim()) && response.body !== null) return response.body;
  const text = await job.server.client.readText(response, wrongBodyLimitBytes).catch(() => "");
  const fault = readEventFault(parseJson(text), false);
  throw fault === undefined
    ? engineFailed(job, `answered with ${describeBody(response.headers)} instead of an event stream`)
    : toGenerationError(fault, job);
}

const wrongBodyLimitBytes = 64 * 1024;

/** The JSON that answers an embedding request. Throws `MeshError`. */
export async function fetchEmbeddings(job: Job): Promise<unknown> {
  const response = await send(job, "/embeddings", "application/json", () => toEmbeddingBody(job));
  const text = await job.server.client.readText(response).catch((error: unknown) => {
    throw toError(error, job);
  });
  const value = parseJson(text);
  if (value === undefined)
    throw engineFailed(job, `answered with ${describeBody(response.headers)} instead of JSON`);
  const fault = readEventFault(value, false);
  if (fault !== undefined) throw toGenerationError(fault, job);
  return value;
}

/** Sends a request until the server accepts it: without members that it refuses, and within its context. */
async function send(
  job: Job,
  path: string,
  accept: string,
  build: (maxTokens?: number) => JsonObject,
  wanted?: number,
): Promise<Response> {
  const { client, refused } = job.server;
  const { hops = 0, via = [], cacheSalt = "" } = job.generation.caller ?? {};
  const headers = {
    accept,
    [hopsHeader]: String(hops + 1),
    [viaHeader]: [...via, job.served.via].join(","),
    ...(job.server.traits.salting === "header" && cacheSalt !== "" ? { [cacheSaltHeader]: cacheSalt } : {}),
  };
  const refusedHere = new Set<string>();
  let maxTokens = wanted;
  for (;;) {
    const body = withoutMembers(build(maxTokens), refused.union(refusedHere));
    try {
      return await client.post(path, toJson(body), headers, job.signal);
    } catch (error) {
      job.signal.throwIfAborted();
      if (!(error instanceof Refusal)) throw toError(error, job);
      const { fault } = error;
      const sent = body.max_tokens ?? body.max_completion_tokens;
      const room =
        typeof sent === "number" ? roomForAnswer(fault, job.served.contextLength, sent) : undefined;
      const member = room === undefined ? findRefused(fault, body, essentialMembers(job)) : undefined;
      if (room !== undefined) maxTokens = room;
      else if (member !== undefined) (member.byValue ? refusedHere : refused).add(member.name);
      else throw toError(error, job);
    }
  }
}

/** Optional members that this request needs. */
function essentialMembers({ generation, partial, server: { traits } }: Job): string[] {
  const { members, mustBeAsked } = traits.continuing;
  return [
    // The caller set these.
    ...(generation.chatTemplateKwargsJson === "" ? [] : ["chat_template_kwargs"]),
    ...(partial !== undefined && mustBeAsked ? Object.keys(members) : []),
  ];
}

/** Converts any failure of a request. */
export function toError(error: unknown, job: Job): MeshError {
  if (error instanceof MeshError) return error;
  if (error instanceof Refusal) return toGenerationError(error.fault, job);
  if (!(error instanceof ConnectionFailure)) return engineFailed(job, "failed", error);
  return engineFailed(job, error.broke ? "broke the connection" : "cannot be reached", error);
}

export const engineFailed = (job: Job, what: string, cause?: unknown): MeshError =>
  new MeshError("engine_failed", `The engine of \`${job.served.model}\` ${what}.`, { cause });
