import type { Clock } from "../../../core/clock.ts";
import type { Environment } from "../../../core/config/environment.ts";
import { lookAt, type ServerFinding } from "../servers/inspect-server.ts";

/** The servers on this machine, in order of their addresses. */
export interface ServerSearch {
  readonly servers: readonly ServerFinding[];
  /** Endpoints of a mesh, which serves itself only when it is named. */
  readonly meshes: readonly string[];
  /** Servers that ask for a key. */
  readonly locked: readonly string[];
  /** What accepts connections and did not answer in time. */
  readonly silent: readonly string[];
}

interface SearchOptions {
  readonly signal: AbortSignal;
  /** For `OLLAMA_HOST`. */
  readonly environment: Environment;
  readonly clock?: Clock | undefined;
  readonly places?: readonly string[] | undefined;
}

/** The usual ports: Ollama, llama-server and TGI, vLLM, LM Studio, SGLang, TGI's other one. */
const usualPorts = [11434, 8080, 8000, 1234, 30_000, 3000] as const;

/** The URL of Ollama on this machine, running or not. */
export const ollamaPlace = (environment: Environment): string =>
  ollamaUrl(environment) ?? `http://127.0.0.1:${usualPorts[0]}`;

/** The usual URLs of servers on this machine, in order of preference. */
export function usualPlaces(environment: Environment): string[] {
  const others = usualPorts.slice(1).map((port) => `http://127.0.0.1:${port}`);
  return [...new Set([ollamaPlace(environment), ...others])];
}

/** Inspects what runs on this machine, all places at the same time; each gets `answerLimitMs` to answer. */
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

/** Reads `OLLAMA_HOST` in any of Ollama's forms; an address to listen on everywhere means this machine. */
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
