import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { Clock } from "../../../../../core/clock.ts";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import {
  Capabilities_Resume,
  type ServedModel,
  ServedModelSchema,
} from "../../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type Answer, answerLimitMs, ask, isAnswer, jsonOf, type Silence } from "../../../servers/ask.ts";
import { type ServerKind, serverKinds, traitsOf } from "../../../servers/kinds.ts";
import { type ModelFacts, readModelList } from "../../../servers/model-facts.ts";
import {
  askAll,
  isLate,
  listedKind,
  recognise,
  type ServerFacts,
  signPaths,
} from "../../../servers/recognise.ts";
import { quoted } from "../../upstream/upstream-text.ts";
import type { OpenAiOptions } from "../options.ts";
import { connectionFailure, describeBody, type UpstreamClient } from "../upstream/client.ts";
import { readEventFault, readHttpFault } from "../upstream/fault.ts";
import { providerFault } from "../upstream/to-error.ts";

/** What a server serves now. */
export interface Listed {
  readonly kind: ServerKind;
  readonly models: ServedModel[];
  /** Models that the first request would load from disk. */
  readonly unloaded: ReadonlySet<string>;
}

/** Lists what one server serves and logs changes. */
export class ModelLister {
  readonly #client: UpstreamClient;
  readonly #options: OpenAiOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  #reported = "";
  #found = false;
  /** The server's kind, once it has answered all questions. */
  #kind: ServerKind | undefined;

  constructor(client: UpstreamClient, options: OpenAiOptions, clock: Clock, log: Log) {
    this.#client = client;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  /** What the server serves now. Throws `MeshError` that says what is wrong and what to do. */
  async list(signal: AbortSignal): Promise<Listed> {
    const server = await this.#ask(signal);
    const chosen = this.#choose(server.models);
    this.#found = true;
    const models = chosen.map((model) => toServed(model, server, this.#options));
    this.#report(server, chosen, models);
    const unloaded = chosen.filter(({ loaded }) => loaded === false);
    return { kind: server.kind, models, unloaded: new Set(unloaded.map(({ name }) => name)) };
  }

  /** The list of models, then the server's own endpoints. */
  async #ask(signal: AbortSignal): Promise<ServerFacts> {
    const { base, root } = this.#client.address;
    const options = { signal, apiKey: this.#options.apiKey, clock: this.#clock };
    const list = await ask(`${base}/models`, options);
    if (!isAnswer(list) || readModelList(jsonOf(list)) === undefined) throw this.#toFailure(list);
    const own = await askAll(root, this.#pathsFor(list), options);
    const server = recognise({ list, own })!;
    this.#kind = isLate({ list, own }) ? undefined : server.kind;
    return server;
  }

  /** Of a server that its list does not identify, everything that distinguishes servers, until that is known. */
  #pathsFor(list: Answer): readonly string[] {
    const kind = listedKind(list);
    if (kind !== undefined) return serverKinds[kind].details ?? serverKinds[kind].signs;
    return this.#kind === undefined ? signPaths : serverKinds[this.#kind].signs;
  }

  /** Why a server does not list its models, and what to do. */
  #toFailure(list: Answer | Silence): MeshError {
    const { base } = this.#client.address;
    this.#kind = undefined;
    if (!isAnswer(list) && list.fault.isLate)
      return failed(
        `The server at ${base} did not list its models within ${answerLimitMs / 1000} s. Check whether it is still loading, or overloaded.`,
      );
    if (!isAnswer(list)) return failed(connectionFailure(list.cause, base).message, list.cause);
    const { status, headers, text, json } = list;
    const fault =
      status === 200
        ? readEventFault(json, false)
        : readHttpFault(status, headers, text, this.#clock.wallTime());
    if (fault !== undefined) return failed(providerFault(fault, base).message);
    return failed(
      json === undefined
        ? `What answers at ${base}/models is not an OpenAI-compatible server: it sent ${describeBody(headers)} instead of JSON. Check the address and the port.`
        : `What answers at ${base} lists no models, so it is not an OpenAI-compatible server. Check the address and the port.`,
    );
  }

  /** The models that the provider names, otherwise all that are loaded. */
  #choose(models: readonly ModelFacts[]): readonly ModelFacts[] {
    const { base } = this.#client.address;
    const names = models.map(({ name }) => name);
    if (names.length === 0)
      throw failed(
        `The server at ${base} serves no model. Load one into it, and it is found within seconds.`,
      );
    const { only } = this.#options;
    if (only === undefined) {
      const ready = models.filter(({ loaded }) => loaded !== false);
      if (ready.length > 0) return ready;
      throw failed(
        `The server at ${base} has no model loaded. Load one into it, or name one to serve with --only: ${quoted(names)}.`,
      );
    }
    const missing = only.filter((name) => !names.includes(name));
    const chosen = models.filter(({ name }) => only.includes(name));
    // At first a missing model is a misspelt name; later it may just be unloaded.
    if (missing.length > 0 && (!this.#found || chosen.length === 0))
      throw failed(`The server at ${base} does not serve ${quoted(missing)}. It serves: ${quoted(names)}.`);
    return chosen;
  }

  #report({ kind, version }: ServerFacts, chosen: readonly ModelFacts[], served: ServedModel[]): void {
    const report = JSON.stringify([kind, served]);
    if (report === this.#reported) return;
    this.#reported = report;
    const { base: url } = this.#client.address;
    const models = served.map(({ model, slots, contextLength: context_length }) => ({
      model,
      slots,
      context_length,
    }));
    this.#log.info(
      { server: kind, server_version: version || undefined, url, models },
      `serving ${served.length} models of ${serverKinds[kind].name}`,
    );
    if (kind === "ollama")
      this.#log.warn(
        { url },
        "this is Ollama: its OpenAI endpoints ignore forced tool calls; the engine `ollama` speaks its own protocol",
      );
    const guessed = chosen.filter(({ contextLength }) => contextLength === undefined);
    if (guessed.length > 0 && this.#options.contextSize === undefined)
      this.#log.warn(
        { url, models: guessed.map(({ name }) => name) },
        `the server does not report the context length of its models: assuming ${unknownContextLength} tokens; set it with --context-size`,
      );
  }
}

const failed = (message: string, cause?: unknown): MeshError =>
  new MeshError("engine_failed", message, { cause });

/** The assumed context length, in tokens. */
const unknownContextLength = 4096;

/** The provider's options take precedence over the server's report. */
function toServed(model: ModelFacts, server: ServerFacts, options: OpenAiOptions): ServedModel {
  const identity = [server.kind, server.version, model.name, model.identity ?? ""].join("\n");
  return create(ServedModelSchema, {
    model: model.name,
    engineName: model.name,
    engine: "openai",
    contextLength: options.contextSize ?? model.contextLength ?? unknownContextLength,
    slots: options.slots ?? model.slots ?? traitsOf(server.kind).defaultSlots,
    fingerprint: createHash("sha256").update(identity).digest("hex").slice(0, 16),
    capabilities: toCapabilities(model),
  });
}

/** All that the protocol can carry, except what the server denies; probes find the rest. */
function toCapabilities({ vision, embeddings }: ModelFacts) {
  const answers = embeddings !== true;
  return {
    tools: answers,
    forcedToolChoice: answers,
    jsonObject: answers,
    jsonSchema: answers,
    logprobs: answers,
    seed: answers,
    vision: answers && vision !== false,
    logitBias: answers,
    rawPrompt: answers,
    embeddings: embeddings !== false,
    resume: answers ? Capabilities_Resume.TEXT : Capabilities_Resume.NONE,
  };
}
