import { MeshError } from "../../../core/errors/mesh-error.ts";

export interface Address {
  /** The base of OpenAI's endpoints without trailing slash, such as `http://127.0.0.1:8000/v1`. */
  readonly base: string;
  /** The base of the server's own endpoints: the same without `/v1`. */
  readonly root: string;
}

/** Parses an address as people write it; `/v1` and an endpoint's path are optional. Throws `invalid_request`. */
export function parseAddress(text: string): Address {
  const withScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.parse(withScheme);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "")
    throw wrongAddress("is not the address of an HTTP server. Give one such as http://127.0.0.1:8000");
  if (url.username !== "" || url.password !== "")
    throw wrongAddress(
      "holds a user name or password. Leave them out, and give the server's key as the engine's key",
    );
  if (url.search !== "" || url.hash !== "")
    throw wrongAddress("has a query. Leave out everything after the path");
  const path = url.pathname
    .replace(/\/(chat\/completions|completions|embeddings|models)\/*$/, "")
    .replace(/\/+$/, "");
  const base = `${url.origin}${path === "" ? "/v1" : path}`;
  return { base, root: base.replace(/\/v1$/, "") };
}

const wrongAddress = (fault: string): MeshError =>
  new MeshError("invalid_request", `The address of the engine's server ${fault}.`, { param: "url" });
