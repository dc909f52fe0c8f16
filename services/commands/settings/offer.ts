import { z } from "zod";
import { checkEngine, type EngineKey, type EngineName, engines, settingsOnlyOf } from "./engine.ts";
import { setting } from "./parts.ts";

/** What a node offers: named or found engines, and the names of their models. */
export const offer = {
  ...engines,
  models: setting({
    schema: z.string().min(1).describe("a folder").optional(),
    placeholder: "FOLDER",
    help: "Serve the GGUF files in this folder and its subfolders, as many as fit into memory.",
  }),
  as: setting({
    schema: z.array(
      z
        .string()
        .regex(/^[^=]+=[^=]+$/)
        .describe("ENGINE_NAME=NAME, such as my-tune=llama3.1:8b"),
    ),
    default: [],
    placeholder: "ENGINE_NAME=NAME",
    help: "Serve the model that an engine calls ENGINE_NAME under NAME, regardless of the catalogue.",
  }),
  pull: setting({
    schema: z.array(z.string().min(1).describe("a model's name")),
    default: [],
    placeholder: "MODEL",
    help: "Have Ollama download this model first, such as llama3.2:3b.",
  }),
};

interface OfferValues {
  readonly engine: EngineName | undefined;
  readonly model: string | undefined;
  readonly models: string | undefined;
  readonly url: string | undefined;
  readonly only: readonly string[];
  readonly as: readonly string[];
  readonly pull: readonly string[];
}

/** The engine that `--engine` or `--model` names; undefined when engines are searched for. */
export const namedEngine = ({
  engine,
  model,
}: Pick<OfferValues, "engine" | "model">): EngineName | undefined =>
  engine ?? (model === undefined ? undefined : "llama-cpp");

/** Reports settings that contradict each other. */
export function checkOffer(
  values: OfferValues,
  report: (key: EngineKey | "models" | "pull" | "as", message: string) => void,
  given: (key: EngineKey | "models") => boolean,
): void {
  const named = namedEngine(values);
  if (named === undefined) {
    for (const [key, owner] of forOneEngine)
      if (given(key)) report(key, `only --engine ${owner} understands this; name the engine as well`);
    if (given("models") && values.url !== undefined)
      report("models", "expected either a folder or a server at --url");
    return;
  }
  checkEngine(named, values, report, given);
  if (given("models") && (named !== "llama-cpp" || values.model !== undefined))
    report("models", "expected either a folder or one engine; leave out --engine and --model to serve both");
  if (values.as.length > 0 && named === "synthetic")
    report("as", "the synthetic engine serves under --model; other engines have names of their own");
  if (values.pull.length > 0 && named !== "ollama")
    report("pull", `only --engine ollama understands this, and the engine is ${named}`);
}

/** Settings that need a named engine. */
const forOneEngine: readonly (readonly [EngineKey, EngineName])[] = [
  ["modelName", "llama-cpp"],
  ...settingsOnlyOf("synthetic").map((key) => [key, "synthetic"] as const),
];
