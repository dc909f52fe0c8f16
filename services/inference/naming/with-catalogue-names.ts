import type { Catalogue } from "../../../core/catalogue/catalogue.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Generation, GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../engine.ts";
import { chooseNames, type Naming } from "./choose-names.ts";
import { withoutFolder } from "./own-name.ts";

export interface NamingOptions {
  readonly log: Log;
  /** The provider's choice: mesh names by engine names. */
  readonly as?: Readonly<Record<string, string>> | undefined;
  /** Called with all names whenever one has changed. */
  readonly onNamed?: ((namings: readonly Naming[]) => void) | undefined;
}

/**
 * An engine whose models go by the catalogue's names, so that an Ollama with `llama3.1:8b-instruct-q4_K_M` and a vLLM
 * with `meta-llama/Llama-3.1-8B-Instruct` are one pool. Unknown and ambiguous models keep their own names; the latter
 * is logged once.
 */
export function withCatalogueNames(
  engine: Engine,
  catalogue: () => Catalogue,
  options: NamingOptions,
): Engine {
  return new NamedEngine(engine, catalogue, options);
}

class NamedEngine implements Engine {
  readonly #engine: Engine;
  readonly #catalogue: () => Catalogue;
  readonly #options: NamingOptions;
  readonly #as: ReadonlyMap<string, string>;
  /** Engine names by mesh names. */
  #engineNames: ReadonlyMap<string, string> = new Map();
  #namings: readonly Naming[] = [];
  /** Names in `as` that the engine did not have: logged once. */
  readonly #missed = new Set<string>();

  constructor(engine: Engine, catalogue: () => Catalogue, options: NamingOptions) {
    this.#engine = engine;
    this.#catalogue = catalogue;
    this.#options = options;
    this.#as = new Map(Object.entries(options.as ?? {}));
  }

  async models(signal: AbortSignal): Promise<ServedModel[]> {
    // Reading the catalogue takes 0.1 s, in which the engine loads.
    const [own, catalogue] = await Promise.all([
      this.#engine.models(signal),
      Promise.resolve().then(this.#catalogue),
    ]);
    const namings = chooseNames(
      own.map(({ model }) => model),
      catalogue,
      this.#as,
    );
    this.#report(namings);
    const names = new Map(namings.map(({ engineName, name }) => [engineName, name]));
    this.#engineNames = new Map(
      namings.flatMap(({ engineName, name }) => (name === undefined ? [] : [[name, engineName] as const])),
    );
    return own.flatMap((served) => {
      const model = names.get(served.model);
      const engineName = withoutFolder(served.engineName || served.model);
      return model === undefined ? [] : { ...served, model, engineName };
    });
  }

  isLoaded(model: string): boolean {
    return this.#engine.isLoaded?.(this.#engineNames.get(model) ?? model) ?? true;
  }

  generate(generation: Generation, signal: AbortSignal): AsyncIterable<GenerationEvent> {
    const name = generation.model;
    const model = this.#engineNames.get(name) ?? name;
    if (model === name) return this.#engine.generate(generation, signal);
    return renameErrors(this.#engine.generate({ ...generation, model }, signal), model, name);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  /** Logs only what is new. */
  #report(namings: readonly Naming[]): void {
    this.#reportMissing(namings);
    const known = new Set(this.#namings.map((naming) => JSON.stringify(naming)));
    const news = namings.filter((naming) => !known.has(JSON.stringify(naming)));
    const changed = news.length > 0 || namings.length !== this.#namings.length;
    this.#namings = namings;
    for (const naming of news) this.#explain(naming);
    if (changed) this.#options.onNamed?.(namings);
  }

  #reportMissing(namings: readonly Naming[]): void {
    const there = new Set(namings.map(({ engineName }) => withoutFolder(engineName)));
    for (const [engineName, name] of this.#as) {
      if (there.has(withoutFolder(engineName))) this.#missed.delete(engineName);
      else if (!this.#missed.has(engineName)) {
        this.#missed.add(engineName);
        this.#options.log.warn(
          { engine_name: engineName, model: name },
          `--as ${engineName}=${name} names a model that the engine does not have. It has ${list([...there], "and") || "none"}`,
        );
      }
    }
  }

  #explain({ engineName, name, because }: Naming): void {
    const { log } = this.#options;
    const fields = { engine_name: engineName, model: name };
    const cure = (wanted: string) => `To choose one: --as ${withoutFolder(engineName)}=${wanted}`;
    if (because.kind === "ambiguous")
      log.warn(
        fields,
        `\`${engineName}\` may be ${list(because.candidates)}, so it is served as \`${name}\`. ${cure(because.candidates[0] ?? "NAME")}`,
      );
    else if (because.kind === "taken" && name === undefined)
      log.warn(
        fields,
        `\`${engineName}\` is not served: \`${because.by}\` has the name \`${because.wanted}\` already. ${cure("ANOTHER-NAME")}`,
      );
    else if (because.kind === "taken")
      log.warn(
        fields,
        `\`${engineName}\` is served as \`${name}\`, because \`${because.by}\` is served as \`${because.wanted}\` already. ${cure(because.wanted)}`,
      );
    else if (name !== engineName) log.info(fields, `\`${engineName}\` is served as \`${name}\``);
  }
}

/** Such as "`a`, `b` or `c`". */
function list(names: readonly string[], last: "or" | "and" = "or"): string {
  const quoted = names.slice(0, 6).map((name) => `\`${name}\``);
  if (names.length > 6) return `${quoted.join(", ")} ${last} ${names.length - 6} more`;
  return quoted.length < 2 ? quoted.join() : `${quoted.slice(0, -1).join(", ")} ${last} ${quoted.at(-1)}`;
}

/** Puts the mesh's name of the model into errors: the engine's means nothing to the caller, and paths are private. */
const renameErrors = (
  events: AsyncIterable<GenerationEvent>,
  engineName: string,
  name: string,
): AsyncIterable<GenerationEvent> => ({
  [Symbol.asyncIterator]() {
    const source = events[Symbol.asyncIterator]();
    const fail = (error: unknown): never => {
      throw renameIn(error, engineName, name);
    };
    return {
      next: () => source.next().then(undefined, fail),
      return: async () => (await source.return?.()) ?? { value: undefined, done: true as const },
    };
  },
});

/** The error with the name replaced; itself when its message does not name the model. */
function renameIn(error: unknown, engineName: string, name: string): unknown {
  if (!(error instanceof MeshError)) return error;
  // Without quotes only what cannot be an ordinary word.
  const quoted = error.message.replaceAll(`\`${engineName}\``, `\`${name}\``);
  const message = /[/\\]/.test(engineName) ? quoted.replaceAll(engineName, name) : quoted;
  if (message === error.message) return error;
  const { kind, code, param, retryAfterMs } = error;
  return new MeshError(kind, message, {
    cause: error.cause ?? error,
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
