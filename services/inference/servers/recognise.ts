import { type Answer, type AskOptions, ask, isAnswer, type Silence } from "./ask.ts";
import { type ServerDescription, type ServerKind, serverKinds } from "./kinds.ts";
import { type ModelFacts, mergeFacts, readModelList } from "./model-facts.ts";

/** What a server reports of itself. */
export interface ServerFacts {
  readonly kind: ServerKind;
  /** Which engine of ours speaks to it. */
  readonly engine: "ollama" | "openai";
  /** Its own version; empty when it is not reported. */
  readonly version: string;
  /** What it lists, embedding models included. */
  readonly models: readonly ModelFacts[];
}

/** What a server answered. */
export interface Answers {
  /** OpenAI's list of models. */
  readonly list: Answer | Silence;
  /** Its own endpoints, by path; those that were not asked are missing. */
  readonly own: ReadonlyMap<string, Answer | Silence>;
}

const descriptions = Object.entries(serverKinds) as [ServerKind, ServerDescription][];

/** The paths that distinguish servers, beside the list of models. */
export const signPaths: readonly string[] = descriptions.flatMap(([, { signs }]) => signs);

/** Asks a server some of its own endpoints, side by side. `root` is its URL without a slash at the end. */
export async function askAll(
  root: string,
  paths: readonly string[],
  options: AskOptions,
): Promise<Answers["own"]> {
  const asked = paths.map(async (path) => [path, await ask(`${root}${path}`, options)] as const);
  return new Map(await Promise.all(asked));
}

/** Which server the list of models says that it is; undefined when that says nothing. */
export function listedKind(answer: Answer): ServerKind | undefined {
  const owner = readModelList(answer.json)?.owner ?? "";
  return descriptions.find(([, description]) => isListedAs(description, owner, answer))?.[0];
}

const isListedAs = ({ owner, header }: ServerDescription, listed: string, { headers }: Answer): boolean =>
  (owner !== undefined && owner === listed) ||
  (header !== undefined && (headers.get("server") ?? "").toLowerCase().startsWith(header));

/** Recognises a server by what it answered; undefined when it is none that serves models. */
export function recognise({ list, own }: Answers): ServerFacts | undefined {
  const answer = isAnswer(list) && list.status === 200 ? list : undefined;
  const listed = answer && readModelList(answer.json);
  const json = (path: string): unknown => {
    const one = own.get(path);
    return one !== undefined && isAnswer(one) && one.status === 200 ? one.json : undefined;
  };
  for (const [kind, description] of descriptions) {
    const isListed = listed !== undefined && isListedAs(description, listed.owner, answer!);
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

/** Whether the list of models needs another key than was sent. A page that says so belongs to another program. */
export const asksForKey = ({ list }: Answers): boolean =>
  isAnswer(list) && (list.status === 401 || list.status === 403) && list.json !== undefined;

/** Whether some answer is missing for want of time. */
export const isLate = ({ list, own }: Answers): boolean =>
  [list, ...own.values()].some((answer) => !isAnswer(answer) && answer.fault.isLate);
