import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { answerLimitMs, type ServerKind } from "../../inference/discover/index.ts";

/** A model that most machines run well, by its name in Ollama. */
export const suggestedModel = "llama3.2:3b";

/** What is on this machine and not served, with what to do. */
export const hints = {
  emptyServer: (name: string, url: string, kind: ServerKind) =>
    kind === "ollama"
      ? `Ollama at ${url} has no model yet. Download one: \`ollama pull ${suggestedModel}\`, or join with --pull ${suggestedModel}.`
      : `${name} at ${url} has no model loaded. Load one there.`,
  mesh: (url: string) =>
    `${url} is the endpoint of a mesh. It is not offered to a mesh unless you say so: --url ${url}.`,
  locked: (url: string) =>
    `The server at ${url} asks for a key. Set CXMPUTE_ENGINE_KEY to it and join with --url ${url}.`,
  silent: (url: string) =>
    `What listens at ${url} did not answer within ${answerLimitMs / 1000} s. If it is an engine, wait until it has started, or check its log, and join again; --url ${url} names it.`,
  emptyFolder: (folder: string) => `There is no GGUF file in ${folder} or its subfolders.`,
  cutFolder: (folder: string) => `${folder} holds more files than are searched; name a subfolder.`,
  manyModels: (count: number) =>
    `${count} models share this machine's CPU and slow each other down; serve fewer with --only MODEL.`,
} as const;

/** How to get a better model than the starter model. */
export const betterModel = [
  `install Ollama (https://ollama.com), \`ollama pull ${suggestedModel}\`, and join again: it is found automatically;`,
  "or serve a GGUF file from https://huggingface.co/models?library=gguf with --model FILE.",
] as const;

/** An engine may be here that does not answer, and the starter model cannot be offered without asking. */
export const onlySilent = (urls: readonly string[]): UserFault =>
  new UserFault(
    `no engine answers: ${urls.join(", ")} ${urls.length === 1 ? "takes connections and says" : "take connections and say"} nothing. Wait until the engine there has started, or check its log, and join again; --url URL names an engine, and --engine llama-cpp offers the starter model.`,
  );

/** The provider declined to offer the starter model. */
export const nothingOffered = (): UserFault =>
  new UserFault(`nothing is offered. To offer a model, ${betterModel.join(" ")}`);
