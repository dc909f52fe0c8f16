import { toMeshError } from "../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../core/telemetry/log.ts";
import type { ServedModel } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { quoted } from "../upstream/upstream-text.ts";
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

/** A model, or why it is not served. */
interface Described {
  readonly model: KnownModel | string;
  /** Whether it could not be described, so that it is tried again: it may be in the middle of a pull. */
  readonly isBroken: boolean;
}

/** The models of Ollama as this node serves them, each described once per digest. */
export class ModelList {
  readonly #options: ModelListOptions;
  /** By name and digest. */
  #described = new Map<string, Described>();
  #served = new Map<string, KnownModel>();
  #loaded: ReadonlySet<string> = new Set();
  #version: string | undefined;

  constructor(options: ModelListOptions) {
    this.#options = options;
  }

  find(name: string): KnownModel | undefined {
    return this.#served.get(name);
  }

  isLoaded(name: string): boolean {
    return this.#loaded.has(name);
  }

  /** Throws `engine_failed`, saying what to do, when there is nothing to serve. */
  async refresh(signal: AbortSignal): Promise<ServedModel[]> {
    const { client, log } = this.#options;
    const version = await this.#readVersion(signal);
    const tags = this.#choose((await client.ask("/api/tags", tagsSchema, signal)).models ?? []);
    const running = (await client.ask("/api/ps", psSchema, signal)).models ?? [];
    // By digest, since a file may have several names.
    const contexts = new Map(running.map((one) => [one.digest, one.context_length ?? undefined]));
    this.#loaded = new Set(tags.filter(({ digest }) => contexts.has(digest)).map(({ name }) => name));
    // Another version may behave differently.
    if (version !== this.#version) this.#described.clear();
    this.#version = version;
    const described = new Map<string, Described>();
    for (const tag of tags) {
      const known = this.#described.get(keyOf(tag));
      const isSettled = known !== undefined && !known.isBroken;
      const now = isSettled ? known : await this.#describe(tag, version, contexts.get(tag.digest), signal);
      described.set(keyOf(tag), now);
      if (typeof now.model === "string" && now.model !== known?.model)
        log.info({ model: tag.name, reason: now.model }, "model of Ollama not served");
    }
    this.#described = described;
    return this.#serve(tags);
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

  async #describe(
    tag: Tag,
    version: string,
    loadedContext: number | undefined,
    signal: AbortSignal,
  ): Promise<Described> {
    const { client, slots, contextSize } = this.#options;
    if (tag.remote_host) return { model: inTheCloud, isBroken: false };
    try {
      const show = await client.ask("/api/show", showSchema, signal, { model: tag.name }, tag.name);
      const model = describeModel({ tag, show, version, slots, contextSize, loadedContext });
      return { model, isBroken: false };
    } catch (error) {
      signal.throwIfAborted();
      return { model: toMeshError(error).message, isBroken: true };
    }
  }

  #serve(tags: readonly Tag[]): ServedModel[] {
    const models = [...this.#described.values()].map(({ model }) => model);
    const known = models.filter((model) => typeof model !== "string");
    if (known.length === 0)
      throw failed(
        `${this.#options.client.who} has no model that can be served: ${tags
          .map(({ name }, index) => `\`${name}\`: ${models[index]}`)
          .join("; ")}. Pull one that answers: \`ollama pull llama3.2\`.`,
      );
    this.#served = new Map(known.map((model) => [model.served.model, model]));
    return known.map(({ served }) => served);
  }
}

const keyOf = ({ name, digest }: Tag): string => `${name} ${digest}`;

/** Whether names mean the same model; Ollama shortens them (types/model/name.go, `DisplayShortest`). */
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
