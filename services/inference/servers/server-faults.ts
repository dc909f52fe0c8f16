import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { type ConnectionFault, cannotUse } from "./connection-fault.ts";

/** Faults of a server that the provider named: one line each, with what to do. */
export const serverFaults = {
  silent: (url: string, fault: ConnectionFault) => new UserFault(cannotUse(url, fault)),

  /** Not an engine; `answer` says what came. */
  stranger: (url: string, answer: string) =>
    new UserFault(
      `what answers at ${url} is neither Ollama nor a server with OpenAI's API: for ${url}/v1/models it gave ${answer}. Check port and path of --url.`,
    ),

  /** It refuses the key, or the lack of one. */
  key: (url: string, given: boolean) =>
    new UserFault(
      given
        ? `the server at ${url} refuses the key. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`
        : `the server at ${url} asks for a key. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`,
    ),

  /** No model of that name. */
  noSuchModel: (wanted: string, has: readonly string[]) =>
    new UserFault(
      `--only ${wanted}: nothing here has a model of that name. There is ${has.length === 0 ? "none" : listed(has)}.`,
    ),
} as const;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
