import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { type ConnectionFault, cannotUse } from "./connection-fault.ts";

/** What can be wrong with a server that the provider named: one line each, with what to do. */
export const serverFaults = {
  /** It does not answer. */
  silent: (url: string, fault: ConnectionFault) => new UserFault(cannotUse(url, fault)),

  /** Something answers that is no engine; `answer` says what came. */
  stranger: (url: string, answer: string) =>
    new UserFault(
      `what answers at ${url} is neither Ollama nor a server with OpenAI's API: for ${url}/v1/models it gave ${answer}. Check port and path of --url.`,
    ),

  /** It asks for a key, or for another one. */
  key: (url: string, given: boolean) =>
    new UserFault(
      given
        ? `the server at ${url} refuses the key. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`
        : `the server at ${url} asks for a key. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`,
    ),

  /** `--only` names what nothing here has. */
  noSuchModel: (wanted: string, has: readonly string[]) =>
    new UserFault(
      `--only ${wanted}: nothing here has a model of that name. There is ${has.length === 0 ? "none" : listed(has)}.`,
    ),
} as const;

/** At most ten of them. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
