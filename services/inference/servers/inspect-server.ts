import { MeshError } from "../../../core/errors/mesh-error.ts";
import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { parseAddress } from "./address.ts";
import { type Answer, type AskOptions, ask, isAnswer, type Silence } from "./ask.ts";
import { askAll, asksForKey, isLate, recognise, type ServerFacts, signPaths } from "./recognise.ts";
import { serverFaults } from "./server-faults.ts";

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

/**
 * Inspects a URL without a path with a few concurrent GETs. Takes `answerLimitMs` at most, and no time where nothing
 * listens.
 */
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
