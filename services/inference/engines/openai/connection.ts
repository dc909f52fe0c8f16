import type { Clock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { hopsHeader, viaHeader } from "../../../../core/hops.ts";
import { parseJson } from "../../../../core/json.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { ServerTraits } from "../../servers/kinds.ts";
import type { ForcedCall } from "../upstream/forced-call.ts";
import { toChatBody, toCompletionBody, toEmbeddingBody } from "./request/body.ts";
import { type JsonObject, toJson } from "./request/json.ts";
import type { PartialAnswer } from "./request/partial-answer.ts";
import { describeBody, RequestFailure, type UpstreamClient } from "./upstream/client.ts";
import { readEventFault, type UpstreamFault } from "./upstream/fault.ts";
import type { OptionalMembers } from "./upstream/optional-members.ts";
import { type FailedRequest, roomForAnswer, toGenerationError } from "./upstream/to-error.ts";

/** A server and what has been learned of it. */
export interface Server {
  readonly client: UpstreamClient;
  readonly traits: ServerTraits;
  readonly optional: OptionalMembers;
  /** Models that failed to make a required call; a schema forces them from then on. */
  readonly unforced: Set<string>;
  readonly isAlive: () => Promise<boolean>;
  readonly clock: Clock;
}

/** One generation for a server. */
export interface Job {
  readonly server: Server;
  readonly generation: Generation;
  readonly served: ServedModel;
  /** The part of the answer that another node gave, if any. */
  readonly partial: PartialAnswer | undefined;
  /** The required call, where a schema enforces it. */
  readonly forced: ForcedCall | undefined;
  readonly signal: AbortSignal;
}

/** The stream that answers a chat or a raw prompt. Throws `MeshError`. */
export async function openStream(job: Job): Promise<ReadableStream<Uint8Array>> {
  const { generation, served, server } = job;
  const { rawPrompt, limits } = generation;
  const context = {
    engineName: served.engineName,
    contextLength: served.contextLength,
    traits: server.traits,
    partial: job.partial,
    forced: job.forced,
  };
  const [path, build] =
    rawPrompt === undefined
      ? ["/chat/completions", (maxTokens?: number) => toChatBody(generation, context, maxTokens)]
      : ["/completions", (maxTokens?: number) => toCompletionBody(generation, rawPrompt, context, maxTokens)];
  const response = await send(job, path, "text/event-stream", build, limits?.maxTokens);
  const type = response.headers.get("content-type") ?? "";
  if (/^text\/event-stream\b/i.test(type.trim()) && response.body !== null) return response.body;
  throw await readWrongBody(job, response);
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

/** The JSON that answers an embedding request. Throws `MeshError`. */
export async function fetchEmbeddings(job: Job): Promise<unknown> {
  const { generation, served } = job;
  const build = () => toEmbeddingBody(generation.embedding?.inputs ?? [], served.engineName);
  const response = await send(job, "/embeddings", "application/json", build);
  const text = await job.server.client.readText(response).catch((error: unknown) => {
    throw toError(error, job);
  });
  try {
    const value: unknown = JSON.parse(text);
    const fault = readEventFault(value, false);
    if (fault === undefined) return value;
    throw toError(new RequestFailure(fault), job);
  } catch (error) {
    if (error instanceof MeshError) throw error;
    throw engineFailed(job, `answered with ${describeBody(response.headers)} instead of JSON`, error);
  }
}

/**
 * Sends a request until the server accepts it: without optional members that it refuses, and with a lower token limit
 * when prompt and limit together exceed the context, where the answer then ends.
 */
async function send(
  job: Job,
  path: string,
  accept: string,
  build: (maxTokens?: number) => JsonObject,
  wanted?: number,
): Promise<Response> {
  const { client, optional } = job.server;
  const members = optional.begin(essentialMembers(job));
  const { hops = 0, via = [] } = job.generation.caller ?? {};
  const headers = {
    accept,
    [hopsHeader]: String(hops + 1),
    [viaHeader]: [...via, job.served.via].join(","),
  };
  let maxTokens = wanted;
  for (;;) {
    const body = members.fit(build(maxTokens));
    try {
      return await client.post(path, toJson(body), headers, job.signal);
    } catch (error) {
      job.signal.throwIfAborted();
      const fault = upstreamFault(error);
      if (fault === undefined) throw toError(error, job);
      const said = typeof body.max_tokens === "number" ? body.max_tokens : body.max_completion_tokens;
      const room =
        typeof said === "number" ? roomForAnswer(fault, job.served.contextLength, said) : undefined;
      if (room !== undefined) maxTokens = room;
      else if (!members.learn(fault, body)) throw toError(error, job);
    }
  }
}

/** Status 200 without a stream: a failure in JSON, or something else. */
async function readWrongBody(job: Job, response: Response): Promise<MeshError> {
  const { client } = job.server;
  const text = await client.readText(response, wrongBodyLimitBytes).catch(() => "");
  const fault = readEventFault(parseJson(text), false);
  if (fault !== undefined) return toError(new RequestFailure(fault), job);
  return engineFailed(job, `answered with ${describeBody(response.headers)} instead of an event stream`);
}

const wrongBodyLimitBytes = 64 * 1024;

/** Converts any failure of a request. */
export function toError(error: unknown, job: Job): MeshError {
  if (error instanceof MeshError) return error;
  const { base } = job.server.client.address;
  const { model, contextLength } = job.served;
  if (!(error instanceof RequestFailure)) return engineFailed(job, "failed", error);
  const { fault } = error;
  if ("words" in fault)
    return engineFailed(job, fault.broke ? "broke the connection" : "cannot be reached", error);
  return toGenerationError(fault, { model, base, contextLength, lengthParam: lengthParam(job) });
}

export const engineFailed = (job: Job, what: string, cause?: unknown): MeshError =>
  new MeshError("engine_failed", `The engine of \`${job.served.model}\` ${what}.`, { cause });

function lengthParam({ generation }: Job): FailedRequest["lengthParam"] {
  if (generation.embedding !== undefined) return "input";
  return generation.rawPrompt === undefined ? "messages" : "prompt";
}

const upstreamFault = (error: unknown): UpstreamFault | undefined =>
  error instanceof RequestFailure && !("words" in error.fault) ? error.fault : undefined;
