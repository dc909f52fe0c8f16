import { MeshError } from "../../../core/errors/mesh-error.ts";
import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { parseAddress } from "./address.ts";
import { type Answer, type AskOptions, ask, isAnswer, type Silence } from "./ask.ts";
import { askAll, asksForKey, isLate, recognise, type ServerFacts, signPaths } from "./recognise.ts";
import { serverFaults } from "./server-faults.ts";

/** A server that serves models, as it was found. */
export interface ServerFinding extends ServerFacts {
  /** Of the server itself: without `/v1`, and without a slash at the end. */
  readonly url: string;
}

/** What is at a URL. */
export interface Finding {
  /** Set when it is a server that serves models. */
  readonly server: ServerFinding | undefined;
  /** Whether it asks for a key, or for another one, before it lists models. */
  readonly isLocked: boolean;
  /** Whether something is there, or may be, that did not say in time what it is. */
  readonly isSilent: boolean;
  /** What came instead of a list of models, or the list. */
  readonly list: Answer | Silence;
}

/**
 * Looks at what is at a URL without a path, all questions side by side. Takes `answerLimitMs` at most, and no time where
 * nothing listens. Nothing is sent but a few GETs without a body.
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

/** Looks at the server that the provider named. Throws a fault that says in one line what is wrong with it. */
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

/** What came instead of a list of models, in a few words. */
const describeAnswer = ({ status, mediaType }: Answer): string =>
  `status ${status}${mediaType === "" ? "" : `, ${mediaType}`}`;
