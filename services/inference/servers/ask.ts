import { type Clock, systemClock } from "../../../core/clock.ts";
import { parseJson } from "../../../core/json.ts";
import { linkSignal } from "../../../core/streams/link-signal.ts";
import { boundedText } from "../engines/upstream/bounded-body.ts";
import { type ConnectionFault, readConnectionFault, TooLate } from "./connection-fault.ts";

/** What a server answered on one path. */
export interface Answer {
  /** HTTP status. */
  readonly status: number;
  readonly headers: Headers;
  /** Media type without parameters, in lower case; empty when there is none. */
  readonly mediaType: string;
  /** The body, up to 4 MiB of it. */
  readonly text: string;
  /** The body, when it is JSON. */
  readonly json: unknown;
}

/** Why there is no answer. */
export interface Silence {
  readonly fault: ConnectionFault;
  readonly cause: unknown;
}

/** How to ask. */
export interface AskOptions {
  readonly signal: AbortSignal;
  /** For `Authorization: Bearer`. */
  readonly apiKey?: string | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * How long a server may take to say what it is, in milliseconds. One that computes, loads a model or shares its cores
 * with ten others takes seconds, and where nothing listens the system says so at once.
 */
export const answerLimitMs = 10_000;
/** No list of models is longer, in bytes. */
const bodyLimitBytes = 4 * 1024 * 1024;

/**
 * Gets a URL. Follows no redirect: a server that sends its visitors elsewhere is not the one meant, and a key would go
 * with them. A connection that was kept from earlier may just have been closed, so one that breaks before any answer is
 * tried once more. Rejects only when the signal aborts.
 */
export async function ask(url: string, { signal, apiKey, clock }: AskOptions): Promise<Answer | Silence> {
  signal.throwIfAborted();
  const scope = linkSignal(signal);
  const timer = (clock ?? systemClock).after(answerLimitMs, () => scope.abort(new TooLate()));
  const init = {
    redirect: "manual",
    signal: scope.signal,
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
  } as const;
  try {
    const response = await fetch(url, init).catch((error: unknown) => {
      if (!readConnectionFault(error).broke) throw error;
      return fetch(url, init);
    });
    const text = await boundedText(response.body, bodyLimitBytes);
    const { status, headers } = response;
    return { status, headers, mediaType: mediaTypeOf(headers), text, json: parseJson(text) };
  } catch (cause) {
    signal.throwIfAborted();
    return { fault: readConnectionFault(cause), cause };
  } finally {
    timer.cancel();
    scope.unlink();
    scope.abort();
  }
}

/** Whether there is an answer. */
export const isAnswer = (result: Answer | Silence): result is Answer => "status" in result;

/** Without parameters, in lower case; empty when there is none. */
export const mediaTypeOf = (headers: Headers): string =>
  (headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
