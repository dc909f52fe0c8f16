import type { Catalogue } from "../../../core/catalogue/catalogue.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Engine } from "../engine.ts";
import { chooseNames, type Naming, withoutFolder } from "./choose-names.ts";

export interface NamingOptions {
  readonly log: Log;
  /** The provider's choice: mesh names by engine names. */
  readonly as?: Readonly<Record<string, string>> | undefined;
  /** Called with all names whenever one has changed. */
  readonly onNamed?: ((namings: readonly Naming[]) => void) | undefined;
}

/**
 * An engine whose models go by the catalogue's names, so that `llama3.1:8b-instruct-q4_K_M` and
 * `meta-llama/Llama-3.1-8B-Instruct` are one pool. Unknown and ambiguous models keep their own.
 */
export function withCatalogueNames(
  engine: Engine,
  catalogue: () => Catalogue,
  options: NamingOptions,
): Engine {
  const as = new Map(Object.entries(options.as ?? {}));
  const report = createReport(as, options);
  /** Engine names by mesh names. */
  let engineNames: ReadonlyMap<string, string> = new Map();
  const toEngineName = (name: string): string => engineNames.get(name) ?? name;
  return {
    async models(signal) {
      // Reading the catalogue takes 0.1 s, in which the engine loads.
      const [reported, known] = await Promise.all([engine.models(signal), Promise.resolve().then(catalogue)]);
      // A server may list a model twice.
      const own = [...new Map(reported.map((served) => [served.model, served])).values()];
      const namings = chooseNames(
        own.map(({ model }) => model),
        known,
        as,
      );
      report(namings);
      const named = namings.filter((naming) => naming.name !== undefined);
      engineNames = new Map(named.map(({ name, engineName }) => [name!, engineName]));
      return own.flatMap((served, index) => {
        const model = namings[index]!.name;
        const engineName = withoutFolder(served.engineName || served.model);
        return model === undefined ? [] : { ...served, model, engineName };
      });
    },

    isLoaded: (name) => engine.isLoaded?.(toEngineName(name)) ?? true,

    generate(generation, signal) {
      const name = generation.model;
      const model = toEngineName(name);
      if (model === name) return engine.generate(generation, signal);
      return renameErrors(engine.generate({ ...generation, model }, signal), model, name);
    },

    close: () => engine.close(),
  };
}

/** Reports and logs what is new since the last call. */
function createReport(
  as: ReadonlyMap<string, string>,
  { log, onNamed }: NamingOptions,
): (namings: readonly Naming[]) => void {
  let known: ReadonlySet<string> = new Set();
  /** Names in `as` that the engine does not have: logged once. */
  const missing = new Set<string>();
  return (namings) => {
    const present = new Set(namings.map(({ engineName }) => withoutFolder(engineName)));
    for (const [engineName, model] of as) {
      if (present.has(withoutFolder(engineName))) missing.delete(engineName);
      else if (!missing.has(engineName)) {
        missing.add(engineName);
        log.warn(
          { engine_name: engineName, model },
          `--as ${engineName}=${model} names a model that the engine does not have. It has ${list([...present], "and") || "none"}`,
        );
      }
    }
    const texts = new Map(namings.map((naming) => [JSON.stringify(naming), naming]));
    const news = [...texts].filter(([text]) => !known.has(text));
    const hasChanged = news.length > 0 || texts.size !== known.size;
    known = new Set(texts.keys());
    for (const [, naming] of news) logNaming(naming, log);
    if (hasChanged) onNamed?.(namings);
  };
}

function logNaming({ engineName, name, because }: Naming, log: Log): void {
  const fields = { engine_name: engineName, model: name };
  const warn = (message: string, wanted: string) =>
    log.warn(
      fields,
      `\`${engineName}\` ${message}. To choose one: --as ${withoutFolder(engineName)}=${wanted}`,
    );
  if (because.kind === "ambiguous")
    warn(
      `may be ${list(because.candidates)}, so it is served as \`${name}\``,
      because.candidates[0] ?? "NAME",
    );
  else if (because.kind === "taken" && name === undefined)
    warn(`is not served: \`${because.by}\` has the name \`${because.wanted}\` already`, "ANOTHER-NAME");
  else if (because.kind === "taken")
    warn(
      `is served as \`${name}\`, because \`${because.by}\` is served as \`${because.wanted}\` already`,
      because.wanted,
    );
  else if (name !== engineName) log.info(fields, `\`${engineName}\` is served as \`${name}\``);
}

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
      throw error instanceof MeshError ? renameIn(error, engineName, name) : error;
    };
    return {
      next: () => source.next().then(undefined, fail),
      return: async () => (await source.return?.()) ?? { value: undefined, done: true as const },
    };
  },
});

/** The error with the name replaced; itself when its message does not name the model. */
function renameIn(error: MeshError, engineName: string, name: string): MeshError {
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
