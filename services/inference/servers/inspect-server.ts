import { MeshError } from "../../../core/errors/mesh-error.ts";
import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { parseAddress } from "./address.ts";
import { type Answer, type AskOptions, ask, isAnswer, type Silence } from "./ask.ts";
import { type ConnectionFault, cannotUse } from "./connection-fault.ts";
import { askAll, asksForKey, isLate, recognise, type ServerFacts, signPaths } from "./recognise.ts";

export interface ServerFinding extends ServerFacts {
  /** Without `/v1` and trailing slash. */
  readonly url: string;
}

export interface Finding {
  /** Set if it serves models. */
  readonly server: ServerFinding | undefined;
  /** Whether it asks for a key, or another one. */
  readonly isLocked: boolean;
  /** Whether something is there, or may be, that timed out. */
  readonly isSilent: boolean;
  /** The list of models, or what came instead. */
  readonly list: Answer | Silence;
}

/** Inspects a URL without a path with a few concurrent GETs, within `answerLimitMs`. */
export async function lookAt(url: string, options: AskOptions): Promise<Finding> {
  const [list, own] = await Promise.all([ask(`${url}/v1/models`, options), askAll(url, signPaths, options)]);
  const answers = { list, own };
  const facts = recognise(answers);
  return {
    server: facts && { ...facts, url },
    isLocked: asksForKey(answers),
    isSilent: facts === undefined && isLate(answers),
    list,
  };
}

/** Inspects the server that the provider named. Throws a fault that says in one line what is wrong. */
export async function inspectServer(url: string, options: AskOptions): Promise<ServerFinding> {
  const root = toRoot(url);
  const { server, isLocked, list } = await lookAt(root, options);
  if (isLocked) throw serverFaults.key(root, options.apiKey !== undefined);
  if (server !== undefined) return server;
  throw isAnswer(list)
    ? serverFaults.stranger(root, describeAnswer(list))
    : serverFaults.silent(root, list.fault);
}

function toRoot(url: string): string {
  try {
    return parseAddress(url).root;
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    throw new UserFault(error.message, { cause: error });
  }
}

const describeAnswer = ({ status, mediaType }: Answer): string =>
  `status ${status}${mediaType === "" ? "" : `, ${mediaType}`}`;

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
      `the server at ${url} ${given ? "refuses the key" : "asks for a key"}. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`,
    ),

  noSuchModel: (wanted: string, has: readonly string[]) =>
    new UserFault(
      `--only ${wanted}: nothing here has a model of that name. There is ${has.length === 0 ? "none" : listed(has)}.`,
    ),
} as const;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
