import { type Clock, systemClock } from "../../../core/clock.ts";
import { parseJson } from "../../../core/json.ts";
import { within } from "../../../core/streams/within.ts";
import { boundedText } from "../engines/upstream/upstream-text.ts";
import { type ConnectionFault, fetchOrRetry, readConnectionFault, TooLate } from "./connection-fault.ts";

/** A server's answer on one path. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly mediaType: string;
  /** The body, up to 4 MiB of it. */
  readonly text: string;
  readonly json: unknown;
}

export interface Silence {
  readonly fault: ConnectionFault;
  readonly cause: unknown;
}

export interface AskOptions {
  readonly signal: AbortSignal;
  readonly apiKey?: string | undefined;
  readonly clock?: Clock | undefined;
}

/** How long a server may take to answer, in milliseconds: one that computes or loads takes seconds. */
export const answerLimitMs = 10_000;
const bodyLimitBytes = 4 * 1024 * 1024;

/** Gets a URL. Rejects only when the signal aborts. */
export async function ask(
  url: string,
  { signal, apiKey, clock = systemClock }: AskOptions,
): Promise<Answer | Silence> {
  const headers: Record<string, string> = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const get = async (scope: AbortSignal): Promise<Answer> => {
    const response = await fetchOrRetry(url, { headers, signal: scope });
    const text = await boundedText(response.body, bodyLimitBytes);
    return {
      status: response.status,
      headers: response.headers,
      mediaType: mediaTypeOf(response.headers),
      text,
      json: parseJson(text),
    };
  };
  try {
    return await within(clock, answerLimitMs, signal, get, () => new TooLate());
  } catch (cause) {
    signal.throwIfAborted();
    return { fault: readConnectionFault(cause), cause };
  }
}

export const isAnswer = (result: Answer | Silence): result is Answer => "status" in result;

/** The JSON of an answer with status 200. */
export const jsonOf = (result: Answer | Silence | undefined): unknown =>
  result !== undefined && isAnswer(result) && result.status === 200 ? result.json : undefined;

/** Without parameters, in lower case; empty when there is none. */
export const mediaTypeOf = (headers: Headers): string =>
  (headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
