import type { Clock } from "../../../../../core/clock.ts";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import { linkSignal } from "../../../../../core/streams/link-signal.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import type { ServedModel } from "../../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { OpenAiOptions } from "../options.ts";
import { RequestFailure, type UpstreamClient } from "../upstream/client.ts";
import { type ServerKind, serverKinds } from "../upstream/kinds.ts";
import { providerFault } from "../upstream/to-error.ts";
import { askServer, type ServerFacts } from "./server-facts.ts";
import { isContextUnknown, toServed, unknownContextLength } from "./to-served.ts";

/** How long a server may take to say what it serves, in milliseconds. */
const patienceMs = 10_000;

/** What a server serves now. */
export interface Listed {
  readonly kind: ServerKind;
  readonly models: ServedModel[];
  /** Those of them that the first request would load from disk. */
  readonly unloaded: ReadonlySet<string>;
}

/** Asks one server what it serves, again and again, and says in the log what it found. */
export class ModelLister {
  readonly #client: UpstreamClient;
  readonly #options: OpenAiOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  /** What was said last; the same is not said twice. */
  #said = "";
  #found = false;

  constructor(client: UpstreamClient, options: OpenAiOptions, clock: Clock, log: Log) {
    this.#client = client;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  /** What the server serves now. Throws `MeshError` that tells the provider what is wrong and what to do. */
  async list(signal: AbortSignal): Promise<Listed> {
    const server = await this.#ask(signal);
    const chosen = this.#choose(server);
    this.#found = true;
    const models = chosen.map((model) => toServed(model, server, this.#options));
    const guessed = chosen.filter((model) => isContextUnknown(model, server, this.#options));
    this.#tell(
      server,
      models,
      guessed.map(({ name }) => name),
    );
    const unloaded = chosen.filter(({ name }) => server.factsOf(name).loaded === false);
    return { kind: server.kind, models, unloaded: new Set(unloaded.map(({ name }) => name)) };
  }

  async #ask(signal: AbortSignal): Promise<ServerFacts> {
    const { base } = this.#client.address;
    const scope = linkSignal(signal);
    const timer = this.#clock.after(patienceMs, () => scope.abort());
    try {
      const server = await askServer(this.#client, scope.signal);
      if (server !== undefined) return server;
      throw failed(
        `What answers at ${base} lists no models, so it is no OpenAI-compatible server. Check the address and the port.`,
      );
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MeshError) throw error;
      if (scope.signal.aborted)
        throw failed(
          `The server at ${base} did not say within ${patienceMs / 1000} s what it serves. Look whether it is still loading, or overloaded.`,
        );
      if (!(error instanceof RequestFailure)) throw error;
      const { fault } = error;
      throw failed("words" in fault ? fault.words : providerFault(fault, base).message, error);
    } finally {
      timer.cancel();
      scope.unlink();
      scope.abort();
    }
  }

  /** The models to serve: those that the provider names, otherwise all but those that nothing has loaded. */
  #choose(server: ServerFacts): ServerFacts["models"] {
    const { base } = this.#client.address;
    const { models } = server;
    if (models.length === 0)
      throw failed(
        `The server at ${base} serves no model. Load one into it, and it is found within seconds.`,
      );
    const { only } = this.#options;
    if (only === undefined) {
      const ready = models.filter(({ name }) => server.factsOf(name).loaded !== false);
      if (ready.length > 0) return ready;
      throw failed(
        `The server at ${base} has no model loaded. Load one into it, or name one to serve with --only: ${namesOf(models)}.`,
      );
    }
    const missing = only.filter((name) => !models.some((model) => model.name === name));
    const chosen = models.filter(({ name }) => only.includes(name));
    // Later on a model may come and go; at first it is a name that is spelt wrong.
    if (missing.length > 0 && (!this.#found || chosen.length === 0))
      throw failed(
        `The server at ${base} does not serve ${missing.map(quote).join(", ")}. It serves: ${namesOf(models)}.`,
      );
    return chosen;
  }

  #tell(server: ServerFacts, served: readonly ServedModel[], guessed: readonly string[]): void {
    const said = JSON.stringify([server.kind, served]);
    if (said === this.#said) return;
    this.#said = said;
    const { base } = this.#client.address;
    this.#log.info(
      {
        server: server.kind,
        server_version: server.version || undefined,
        url: base,
        models: served.map(({ model, slots, contextLength }) => ({
          model,
          slots,
          context_length: contextLength,
        })),
      },
      `serving ${served.length} models of ${serverKinds[server.kind].title}`,
    );
    if (server.kind === "ollama")
      this.#log.warn(
        { url: base },
        "this is Ollama: its OpenAI endpoints ignore forced tool calls; the engine `ollama` speaks its own protocol",
      );
    if (guessed.length > 0)
      this.#log.warn(
        { url: base, models: guessed },
        `the server does not tell the context length of its models: ${unknownContextLength} tokens are assumed; --context-size says better`,
      );
  }
}

const failed = (message: string, cause?: unknown): MeshError =>
  new MeshError("engine_failed", message, { cause });

/** Names as the server writes them, for people: in quotes, and not without end. */
function namesOf(models: ServerFacts["models"]): string {
  const shown = models.slice(0, mostNames).map(({ name }) => quote(name));
  const more = models.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

const mostNames = 20;

const quote = (name: string): string => `\`${name.replace(/[\p{Cc}`]/gu, "").slice(0, 200)}\``;
