import { toMeshError } from "../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../core/telemetry/log.ts";
import type { ServedModel } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { psSchema, showSchema, type Tag, tagsSchema, versionSchema } from "./api.ts";
import type { OllamaClient } from "./client.ts";
import { failed } from "./failures.ts";
import { describeModel, inTheCloud, type KnownModel } from "./served-model.ts";
import { isAtLeast, oldestVersion } from "./version.ts";

interface ModelListOptions {
  readonly client: OllamaClient;
  readonly only: readonly string[] | undefined;
  readonly slots: number;
  readonly contextSize: number | undefined;
  readonly log: Log;
}

/**
 * The models of Ollama as this node serves them. Each is described once per digest, so a refresh costs three small
 * requests while nothing changes.
 */
export class ModelList {
  readonly #options: ModelListOptions;
  /** By name and digest: a model, or why it is not served. */
  #described = new Map<string, KnownModel | string>();
  /** Keys of models that could not be described. */
  readonly #broken = new Set<string>();
  #known = new Map<string, KnownModel>();
  /** Contexts of loaded models by digest, since a file may have several names. */
  #loaded = new Map<string, number | undefined>();
  #digests = new Map<string, string>();
  #version: string | undefined;

  constructor(options: ModelListOptions) {
    this.#options = options;
  }

  find(name: string): KnownModel | undefined {
    return this.#known.get(name);
  }

  isLoaded(name: string): boolean {
    const digest = this.#digests.get(name);
    return digest !== undefined && this.#loaded.has(digest);
  }

  /** Throws `engine_failed`, saying what to do, when there is nothing to serve. */
  async refresh(signal: AbortSignal): Promise<ServedModel[]> {
    const { client } = this.#options;
    const version = await this.#readVersion(signal);
    const { models } = await client.ask("/api/tags", tagsSchema, signal);
    const wanted = this.#choose(models ?? []);
    const running = (await client.ask("/api/ps", psSchema, signal)).models ?? [];
    this.#loaded = new Map(
      running.map(({ digest, context_length }) => [digest, context_length ?? undefined]),
    );
    this.#digests = new Map(wanted.map(({ name, digest }) => [name, digest]));
    // Another version may behave differently.
    if (version !== this.#version) this.#described.clear();
    this.#version = version;
    await this.#describe(wanted, version, signal);
    return this.#serve(wanted);
  }

  async #readVersion(signal: AbortSignal): Promise<string> {
    const { client } = this.#options;
    const { version } = await client.ask("/api/version", versionSchema, signal);
    if (!isAtLeast(version, oldestVersion))
      throw failed(
        `${client.who} is too old (${version}): before ${oldestVersion} it cuts long prompts without a word. Update Ollama there.`,
      );
    return version;
  }

  /** The models that the provider names, or all, sorted by name. */
  #choose(tags: readonly Tag[]): Tag[] {
    const { client, only } = this.#options;
    const sorted = tags.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (sorted.length === 0)
      throw failed(`${client.who} has no models yet. Pull one: \`ollama pull llama3.2\`.`);
    if (only === undefined || only.length === 0) return sorted;
    const missing = only.filter((name) => !sorted.some((tag) => isNamed(tag.name, name)));
    if (missing.length > 0)
      throw failed(
        `${client.who} has no model ${quoted(missing)}. It has ${quoted(sorted.map(({ name }) => name))}. Choose among these, or pull it: \`ollama pull ${missing[0]}\`.`,
      );
    return sorted.filter((tag) => only.some((name) => isNamed(tag.name, name)));
  }

  async #describe(tags: readonly Tag[], version: string, signal: AbortSignal): Promise<void> {
    const described = new Map<string, KnownModel | string>();
    for (const tag of tags) {
      const known = this.#described.get(keyOf(tag));
      // Retried: it may be in the middle of a pull.
      const isSettled = known !== undefined && !this.#broken.has(keyOf(tag));
      described.set(keyOf(tag), isSettled ? known : await this.#describeOne(tag, version, signal));
      const now = described.get(keyOf(tag));
      if (typeof now === "string" && now !== known)
        this.#options.log.info({ model: tag.name, reason: now }, "model of Ollama not served");
    }
    this.#described = described;
  }

  async #describeOne(tag: Tag, version: string, signal: AbortSignal): Promise<KnownModel | string> {
    const { client, slots, contextSize } = this.#options;
    this.#broken.delete(keyOf(tag));
    if (tag.remote_host) return inTheCloud;
    try {
      const body = { model: tag.name };
      const show = await client.ask("/api/show", showSchema, signal, body, tag.name);
      const loaded = this.#loaded.get(tag.digest);
      return describeModel({ tag, show, version, slots, contextSize, loaded });
    } catch (error) {
      signal.throwIfAborted();
      this.#broken.add(keyOf(tag));
      return toMeshError(error).message;
    }
  }

  #serve(tags: readonly Tag[]): ServedModel[] {
    const known = [...this.#described.values()].filter((model) => typeof model !== "string");
    if (known.length === 0)
      throw failed(
        `${this.#options.client.who} has no model that can be served: ${tags
          .map((tag) => `\`${tag.name}\`: ${this.#described.get(keyOf(tag))}`)
          .join("; ")}. Pull one that answers: \`ollama pull llama3.2\`.`,
      );
    this.#known = new Map(known.map((model) => [model.served.model, model]));
    return known.map(({ served }) => served);
  }
}

const keyOf = ({ name, digest }: Tag): string => `${name} ${digest}`;

const quoted = (names: readonly string[]): string => {
  const shown = names.slice(0, 20).map((name) => `\`${name}\``);
  return names.length > 20 ? `${shown.join(", ")} and ${names.length - 20} more` : shown.join(", ");
};

/**
 * Whether two names mean the same model. Ollama shows names without defaults and accepts them with
 * (types/model/name.go, `DisplayShortest`): the tag `latest`, the namespace `library`, the host `registry.ollama.ai`;
 * case does not matter.
 */
export const isNamed = (name: string, asked: string): boolean => toShortName(name) === toShortName(asked);

function toShortName(name: string): string {
  const short = name
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, "")
    .replace(/^registry\.ollama\.ai\//, "")
    .replace(/^library\/(?=[^/]+$)/, "");
  return /:[^/]*$/.test(short) ? short : `${short}:latest`;
}
