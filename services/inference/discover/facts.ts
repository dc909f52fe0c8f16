import { type Answer, type AskOptions, ask, isAnswer, type Silence } from "./ask.ts";

/** What is asked of a server to tell which one it is: cheap, and without effect on any of them. */
export const factPaths = [
  "/healthz",
  "/api/version",
  "/api/tags",
  "/api/v0/models",
  "/v1/models",
  "/props",
  "/version",
  "/get_model_info",
  "/info",
] as const;

/** One of these paths. */
export type FactPath = (typeof factPaths)[number];

/** What a server answered on each of them. */
export type Facts = Readonly<Record<FactPath, Answer | Silence>>;

/** Asks a server, all paths side by side. `url` has no path and no slash at the end. */
export async function collectFacts(url: string, options: AskOptions): Promise<Facts> {
  const entries = await Promise.all(
    factPaths.map(async (path) => [path, await ask(`${url}${path}`, options)] as const),
  );
  return Object.fromEntries(entries) as Facts;
}

/** Why nobody answers; undefined when somebody does. */
export function silenceOf(facts: Facts): Silence | undefined {
  const results = Object.values(facts);
  return results.some(isAnswer) ? undefined : (results[0] as Silence);
}
