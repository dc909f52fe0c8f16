import type { Environment } from "../../../core/config/environment.ts";

/**
 * Where `OLLAMA_HOST` says that Ollama is, in any of the forms that Ollama takes: `host`, `:port`, `host:port`, with
 * or without `http://`. An address to listen on everywhere means this machine. Undefined when it is not set or makes
 * no sense.
 */
export function ollamaUrl(environment: Environment): string | undefined {
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
