import { type Answer, type AskOptions, isAnswer } from "./ask.ts";
import { collectFacts, silenceOf } from "./facts.ts";
import type { ServerFinding } from "./finding.ts";
import { asksForKey, identify } from "./identify.ts";
import { serverFaults } from "./server-faults.ts";

/** How long a server somewhere may take, in milliseconds; one that is named may be far away. */
const namedLimitMs = 10_000;

/**
 * Looks at the server at a URL that somebody has named. Throws a fault that says in one line what is wrong with it.
 */
export async function inspectServer(url: string, options: AskOptions): Promise<ServerFinding> {
  const base = toBaseUrl(url);
  const facts = await collectFacts(base, { limitMs: namedLimitMs, ...options });
  const silence = silenceOf(facts);
  if (silence !== undefined) throw serverFaults.silent(base, silence.code);
  if (asksForKey(facts)) throw serverFaults.key(base, options.apiKey !== undefined);
  const identity = identify(facts);
  if (identity.kind === "locked") throw serverFaults.key(base, options.apiKey !== undefined);
  if (identity.kind === "other") throw serverFaults.stranger(base, describe(facts["/v1/models"] as Answer));
  return { ...identity, url: base };
}

/** The server's URL without a slash at the end and without `/v1`, which people copy from examples. */
export const toBaseUrl = (url: string): string => url.replace(/\/+$/, "").replace(/\/v1$/, "");

/** What came instead of a list of models, in a few words. */
const describe = (answer: Answer | { readonly code: string }): string =>
  isAnswer(answer)
    ? `status ${answer.status}${answer.mediaType === "" ? "" : `, ${answer.mediaType}`}`
    : "no answer";
