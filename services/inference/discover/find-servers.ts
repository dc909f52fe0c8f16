import type { Clock } from "../../../core/clock.ts";
import type { Environment } from "../../../core/config/environment.ts";
import { collectFacts, silenceOf } from "./facts.ts";
import type { ServerFinding } from "./finding.ts";
import { identify } from "./identify.ts";
import { ollamaUrl } from "./ollama-url.ts";

/** What a search of this machine brought. */
export interface ServerSearch {
  /** In order of the addresses. */
  readonly servers: readonly ServerFinding[];
  /** Endpoints of a mesh that were met on the way; a mesh serves itself only when it is named. */
  readonly meshes: readonly string[];
  /** Servers that want a key before they say anything. */
  readonly locked: readonly string[];
}

/** Where to look. */
export interface SearchOptions {
  readonly signal: AbortSignal;
  /** `OLLAMA_HOST` in it moves Ollama. */
  readonly environment: Environment;
  readonly clock?: Clock;
  /** URLs instead of the usual ones. */
  readonly places?: readonly string[];
}

/** The usual ports: Ollama, llama-server and TGI, vLLM, LM Studio, SGLang, TGI's other one. */
const usualPorts = [11434, 8080, 8000, 1234, 30_000, 3000] as const;

/** Where Ollama is on this machine, running or not. */
export const ollamaPlace = (environment: Environment): string =>
  ollamaUrl(environment) ?? `http://127.0.0.1:${usualPorts[0]}`;

/** Where the servers usually are on this machine, in the order in which they are preferred. */
export function usualPlaces(environment: Environment): string[] {
  const others = usualPorts.slice(1).map((port) => `http://127.0.0.1:${port}`);
  return [...new Set([ollamaPlace(environment), ...others])];
}

/**
 * Asks what runs on this machine, all places side by side; each answers within `localLimitMs` or not at all. Nothing
 * is sent but a few GETs without a body.
 */
export async function findServers(options: SearchOptions): Promise<ServerSearch> {
  const { environment, places = usualPlaces(environment) } = options;
  const found = await Promise.all(
    places.map(async (url) => {
      const facts = await collectFacts(url, options);
      return { url, identity: silenceOf(facts) === undefined ? identify(facts) : undefined };
    }),
  );
  const servers: ServerFinding[] = [];
  const meshes: string[] = [];
  const locked: string[] = [];
  for (const { url, identity } of found) {
    if (identity === undefined) continue;
    if (identity.kind === "mesh") meshes.push(url);
    else if (identity.kind === "locked") locked.push(url);
    else if (identity.kind !== "other") servers.push({ ...identity, url });
  }
  return { servers, meshes, locked };
}
