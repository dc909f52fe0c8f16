import type { ApiKey } from "../translator/index.ts";
import { shellQuote } from "./places.ts";

/** An accepted key, in plain text where that is known. */
export type ShownKey = ApiKey & { readonly key?: string };

/** Stands for a key of which only the hash is known. */
export const unknownKey = "YOUR_KEY";

export interface ScreenFacts {
  readonly version: string;
  readonly startedInMs: number;
  /** Such as `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string;
  /** At least one; the first stands in the examples. */
  readonly keys: readonly ShownKey[];
  readonly keyOrigin: string;
  readonly models: readonly string[];
  /** The command that chats with this mesh. */
  readonly chat: string;
}

/** What `cxmpute up` prints when it is ready. */
export function toScreen(facts: ScreenFacts): string {
  const { version, startedInMs, baseUrl, keys, keyOrigin, models, chat } = facts;
  const users = [...new Set(keys.map(({ userId }) => userId))];
  return `
cxmpute ${version} is ready after ${(startedInMs / 1000).toFixed(1)} s.

  Base URL  ${baseUrl}
  API key   ${toShown(keys)}  (${keyOrigin})
  User id   ${users.join(", ")}
  Models    ${models.join(", ")}

Try it:

${toCurl(facts)}

or talk to it:

${chat}

Ctrl-C stops the mesh.

`;
}

const toShown = (keys: readonly ShownKey[]): string =>
  keys.length > 1 ? `${keys.length} keys` : (keys[0]?.key ?? "known by its hash");

/** A command for a POSIX shell that streams an answer. */
export function toCurl({ baseUrl, keys, models }: ScreenFacts): string {
  const [first] = keys;
  const body = { model: models[0], stream: true, messages: [{ role: "user", content: "What is gRPC?" }] };
  const headers = [
    `Authorization: Bearer ${first?.key ?? unknownKey}`,
    `X-User-Id: ${first?.userId}`,
    "Content-Type: application/json",
  ];
  return [
    "curl -N",
    shellQuote(`${baseUrl}/chat/completions`),
    ...headers.map((header) => `-H ${shellQuote(header)}`),
    `-d ${shellQuote(JSON.stringify(body))}`,
  ].join(" ");
}
