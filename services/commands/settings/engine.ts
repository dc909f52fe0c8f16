import { z } from "zod";
import type { Setting } from "../../../core/config/settings.ts";
import type { EngineSettings } from "../../inference/engines/engine-settings.ts";
import { llamaCppSettings } from "../../inference/engines/llama-cpp/options.ts";
import { ollamaSettings } from "../../inference/engines/ollama/options.ts";
import { openAiSettings } from "../../inference/engines/openai/options.ts";
import { syntheticSettings } from "../../inference/engines/synthetic/options.ts";
import { setting } from "./parts.ts";

const engineSettings = {
  "llama-cpp": llamaCppSettings,
  ollama: ollamaSettings,
  openai: openAiSettings,
  synthetic: syntheticSettings,
} satisfies Record<string, EngineSettings>;

export type EngineName = keyof typeof engineSettings;

const engineNames = Object.keys(engineSettings) as [EngineName, ...EngineName[]];

const tables = {
  ...openAiSettings,
  ...ollamaSettings,
  ...llamaCppSettings,
  ...syntheticSettings,
};

/** Whether an engine has a setting of this name. */
export const isSettingOf = (engine: EngineName, key: string): boolean =>
  Object.hasOwn(engineSettings[engine], key);

/** A setting that some engines have. */
export type EngineKey = keyof typeof tables;

const ownersOf = (key: EngineKey): EngineName[] => engineNames.filter((engine) => isSettingOf(engine, key));

/** A setting as commands have it: lists are empty by default, other values absent. */
type Composed<S extends z.ZodType> = Setting<S extends z.ZodArray ? S : z.ZodOptional<S>>;

function compose(key: EngineKey): Setting {
  const declared = Object.entries(engineSettings).flatMap(([engine, settings]) => {
    const own = (settings as EngineSettings)[key];
    return own === undefined ? [] : [{ engine, ...own }];
  });
  const { engine: _, schema, help, ...rest } = declared[0]!;
  const owners = declared.map(({ engine }) => engine).join(", ");
  const isShared = declared.every((one) => one.help === help);
  const words = isShared
    ? `${declared.length === engineNames.length ? "" : `${owners}: `}${help}`
    : declared.map(({ engine, help: own }) => `${engine}: ${own}`).join(" ");
  return schema instanceof z.ZodArray
    ? { ...rest, schema, default: [], help: words }
    : { ...rest, schema: schema.optional(), help: words };
}

const keys = Object.keys(tables) as EngineKey[];

const options = Object.fromEntries(keys.map((key) => [key, compose(key)])) as {
  [Key in EngineKey]: Composed<(typeof tables)[Key]["schema"]>;
};

const engineHelp =
  "What computes tokens: llama-cpp runs a GGUF file in the node, ollama and openai use the server at --url, synthetic generates text for load tests";

/** The engine of a mesh in one process; default: the embedded one. */
export const engine = {
  engine: setting({
    schema: z.enum(engineNames),
    default: "llama-cpp",
    placeholder: "NAME",
    help: `${engineHelp}.`,
  }),
  ...options,
};

/** The engines of a node; default: those that are found. */
export const engines = {
  engine: setting({
    schema: z.enum(engineNames).optional(),
    placeholder: "NAME",
    help: `${engineHelp}; default: the engines found on this machine.`,
  }),
  ...options,
};

/** Settings of only this engine. */
export const settingsOnlyOf = (engine: EngineName): EngineKey[] =>
  keys.filter((key) => ownersOf(key).join() === engine);

/** Reports settings that the engine does not have and would ignore. */
export function checkEngine(
  engine: EngineName,
  values: { readonly only: readonly string[] },
  report: (key: EngineKey, message: string) => void,
  isSet: (key: EngineKey) => boolean,
): void {
  // An empty list in a file counts as not set.
  const given = (key: EngineKey) => isSet(key) && (key !== "only" || values.only.length > 0);
  for (const key of keys) {
    const owners = ownersOf(key);
    if (given(key) && !owners.includes(engine))
      report(key, `only --engine ${owners.join(" or ")} understands this, and the engine is ${engine}`);
  }
  if (engine === "openai" && !given("url"))
    report("url", "required with --engine openai: where the server is, such as http://127.0.0.1:8000");
}
