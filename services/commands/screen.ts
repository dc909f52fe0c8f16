import { shellQuote } from "./places.ts";

export interface ScreenFacts {
  readonly version: string;
  readonly startedInMs: number;
  /** Such as `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly keyOrigin: string;
  readonly userId: string;
  readonly models: readonly string[];
  /** The command that chats with this mesh. */
  readonly chat: string;
}

/** What `cxmpute up` prints when it is ready. */
export function toScreen(facts: ScreenFacts): string {
  const { version, startedInMs, baseUrl, apiKey, keyOrigin, userId, models, chat } = facts;
  return `
cxmpute ${version} is ready after ${(startedInMs / 1000).toFixed(1)} s.

  Base URL  ${baseUrl}
  API key   ${apiKey}  (${keyOrigin})
  User id   ${userId}
  Models    ${models.join(", ")}

Try it:

${toCurl(facts)}

or talk to it:

${chat}

Ctrl-C stops the mesh.

`;
}

/** A command for a POSIX shell that streams an answer. */
export function toCurl({ baseUrl, apiKey, userId, models }: ScreenFacts): string {
  const body = { model: models[0], stream: true, messages: [{ role: "user", content: "What is gRPC?" }] };
  const headers = [
    `Authorization: Bearer ${apiKey}`,
    `X-User-Id: ${userId}`,
    "Content-Type: application/json",
  ];
  return [
    "curl -N",
    shellQuote(`${baseUrl}/chat/completions`),
    ...headers.map((header) => `-H ${shellQuote(header)}`),
    `-d ${shellQuote(JSON.stringify(body))}`,
  ].join(" ");
}
