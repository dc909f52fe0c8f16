import { type Answer, type AskOptions, ask, isAnswer, jsonOf, type Silence } from "./ask.ts";
import { type ServerDescription, type ServerKind, serverKinds } from "./kinds.ts";
import { type ModelFacts, mergeFacts, readModelList } from "./model-facts.ts";

/** A server's report about itself. */
export interface ServerFacts {
  readonly kind: ServerKind;
  readonly engine: "ollama" | "openai";
  /** Empty when it is not reported. */
  readonly version: string;
  /** Including embedding models. */
  readonly models: readonly ModelFacts[];
}

export interface Answers {
  readonly list: Answer | Silence;
  /** Its own endpoints that were asked, by path. */
  readonly own: ReadonlyMap<string, Answer | Silence>;
}

const descriptions = Object.entries(serverKinds) as [ServerKind, ServerDescription][];

/** The paths that identify servers, besides the list of models. */
export const signPaths: readonly string[] = descriptions.flatMap(([, { signs }]) => signs);

/** Asks several endpoints concurrently. `root` has no trailing slash. */
export async function askAll(
  root: string,
  paths: readonly string[],
  options: AskOptions,
): Promise<Answers["own"]> {
  const asked = paths.map(async (path) => [path, await ask(`${root}${path}`, options)] as const);
  return new Map(await Promise.all(asked));
}

/** The server that the list of models names, if any. */
export function listedKind(answer: Answer): ServerKind | undefined {
  const owner = readModelList(answer.json)?.owner ?? "";
  return descriptions.find(([, description]) => isListedAs(description, owner, answer))?.[0];
}

const isListedAs = ({ owner, header }: ServerDescription, listed: string, { headers }: Answer): boolean =>
  (owner !== undefined && owner === listed) ||
  (header !== undefined && (headers.get("server") ?? "").toLowerCase().startsWith(header));

/** Recognises a server by its answers; undefined when it serves no models. */
export function recognise({ list, own }: Answers): ServerFacts | undefined {
  const listed = readModelList(jsonOf(list));
  const json = (path: string): unknown => jsonOf(own.get(path));
  for (const [kind, description] of descriptions) {
    const isListed = listed !== undefined && isAnswer(list) && isListedAs(description, listed.owner, list);
    const reported = description.read({ json, isListed, hasList: listed !== undefined });
    if (reported === undefined) continue;
    const { engine = "openai", version = "", models = [], all } = reported;
    const byName = new Map(models.map((model) => [model.name, model]));
    return {
      kind,
      engine,
      version,
      models: (engine === "openai" && listed?.models ? listed.models : models).map((model) =>
        mergeFacts(model, all, byName.get(model.name)),
      ),
    };
  }
  return undefined;
}

/** Whether listing models needs another key. A web page that says so is another program's. */
export const asksForKey = ({ list }: Answers): boolean =>
  isAnswer(list) && (list.status === 401 || list.status === 403) && list.json !== undefined;

/** Whether some answer timed out. */
export const isLate = ({ list, own }: Answers): boolean =>
  [list, ...own.values()].some((answer) => !isAnswer(answer) && answer.fault.isLate);
