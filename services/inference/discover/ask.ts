import { type Clock, systemClock } from "../../../core/clock.ts";
import { linkSignal } from "../../../core/streams/link-signal.ts";

/** What a server answered on one path. */
export interface Answer {
  /** HTTP status. */
  readonly status: number;
  /** Media type without parameters, in lower case; empty when there is none. */
  readonly mediaType: string;
  /** The body, when it is JSON and not too long. */
  readonly json: unknown;
}

/** Why there is no answer at all. */
export interface Silence {
  /** The system's code, such as `ECONNREFUSED`; `TIMEOUT` when time ran out. */
  readonly code: string;
}

/** How to ask. */
export interface AskOptions {
  readonly signal: AbortSignal;
  /** For `Authorization: Bearer`. */
  readonly apiKey?: string | undefined;
  readonly clock?: Clock;
  /** How long an answer may take, in milliseconds. */
  readonly limitMs?: number;
}

/** How long a server on this machine may take, in milliseconds. */
export const localLimitMs = 1500;
/** No list of models is longer, in bytes. */
const bodyLimitBytes = 4 * 1024 * 1024;

/**
 * Gets a URL once. Follows no redirect: a server that sends its visitors elsewhere is not the one meant. Rejects
 * only when the signal aborts.
 */
export async function ask(url: string, options: AskOptions): Promise<Answer | Silence> {
  const { signal, apiKey, clock = systemClock, limitMs = localLimitMs } = options;
  signal.throwIfAborted();
  const scope = linkSignal(signal);
  const timer = clock.after(limitMs, () => scope.abort(new DOMException("Too late.", "TimeoutError")));
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: scope.signal,
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
    });
    const mediaType = (response.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
    return { status: response.status, mediaType, json: await readJson(response) };
  } catch (error) {
    signal.throwIfAborted();
    return { code: codeOf(error) };
  } finally {
    timer.cancel();
    scope.unlink();
    scope.abort();
  }
}

/** Whether somebody answered. */
export const isAnswer = (result: Answer | Silence): result is Answer => "status" in result;

/** The body as JSON; undefined when it is none or too long. What is left of it is not waited for. */
async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bodyLimitBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}

/** The system's code, which `fetch` hides in a cause, or in one of several where a name has several addresses. */
function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth++) {
    if (at.name === "TimeoutError") return "TIMEOUT";
    if (at.message === "bad port") return "BAD_PORT";
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === "string" && code !== "") return code;
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  return "UNKNOWN";
}
