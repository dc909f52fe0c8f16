import type { Clock } from "../../../core/clock.ts";
import type { Environment } from "../../../core/config/environment.ts";
import { lookAt, type ServerFinding } from "../servers/inspect-server.ts";

/** What a search of this machine brought; each list in order of the addresses. */
export interface ServerSearch {
  readonly servers: readonly ServerFinding[];
  /** Endpoints of a mesh that were met on the way; a mesh serves itself only when it is named. */
  readonly meshes: readonly string[];
  /** Servers that want a key before they say anything. */
  readonly locked: readonly string[];
  /** What takes connections and did not say in time what it is. */
  readonly silent: readonly string[];
}

/** Where to look. */
export interface SearchOptions {
  readonly signal: AbortSignal;
  /** `OLLAMA_HOST` in it moves Ollama. */
  readonly environment: Environment;
  readonly clock?: Clock | undefined;
  /** URLs instead of the usual ones. */
  readonly places?: readonly string[] | undefined;
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
 * Looks at what runs on this machine, all places side by side. Where nothing listens that is known at once; whatever
 * listens gets `answerLimitMs` to say what it is.
 */
export async function findServers(options: SearchOptions): Promise<ServerSearch> {
  const { environment, places = usualPlaces(environment) } = options;
  const found = await Promise.all(places.map(async (url) => ({ url, ...(await lookAt(url, options)) })));
  const urlsOf = (wanted: (one: (typeof found)[number]) => boolean) =>
    found.filter(wanted).map(({ url }) => url);
  const servers = found.flatMap(({ server }) => server ?? []);
  return {
    servers: servers.filter(({ kind }) => kind !== "mesh"),
    meshes: servers.filter(({ kind }) => kind === "mesh").map(({ url }) => url),
    locked: urlsOf(({ server, isLocked }) => server === undefined && isLocked),
    silent: urlsOf(({ isSilent, isLocked }) => isSilent && !isLocked),
  };
}

/**
 * Where `OLLAMA_HOST` says that Ollama is, in any of the forms that Ollama takes: `host`, `:port`, `host:port`, with
 * or without `http://`. An address to listen on everywhere means this machine. Undefined when it is not set or makes
 * no sense.
 */
function ollamaUrl(environment: Environment): string | undefined {
  const text = environment.OLLAMA_HOST?.trim().replace(/^(["'])(.*)\1$/, "$2");
  if (text === undefined || text === "") return undefined;
  const [, scheme, rest = ""] = /^(?:(https?):\/\/)?(.*)$/i.exec(text)!;
  const authority = rest.split("/")[0]!;
  const withHost = authority === "" || authority.startsWith(":") ? `127.0.0.1${authority}` : authority;
  const url = URL.parse(`${scheme?.toLowerCase() ?? "http"}://${withHost}`);
  if (url === null || url.username !== "") return undefined;
  const everywhere = ["0.0.0.0", "[::]"].includes(url.hostname);
  const port = /:\d+$/.test(withHost) ? url.port : undefined;
  const standard = { http: 80, https: 443 };
  const shown = port ?? (scheme === undefined ? "11434" : String(standard[scheme.toLowerCase() as "http"]));
  const host = everywhere ? "127.0.0.1" : url.hostname;
  return shown === "" ? `${url.protocol}//${host}` : `${url.protocol}//${host}:${shown}`;
}
