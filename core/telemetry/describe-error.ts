import { MeshError } from "../errors/mesh-error.ts";

/** A thrown value in the log. */
export interface ErrorRecord {
  readonly type: string;
  readonly message: string;
  readonly kind?: string;
  /** Node's code, such as `EADDRINUSE`. */
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorRecord;
}

/**
 * A thrown value for the log. Only these fields, because libraries put prompts into others. A message of JSON.parse,
 * which quotes its input, is cut.
 */
export function describeError(thrown: unknown, depth = 0): ErrorRecord {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: `a thrown ${typeof thrown}` };
  const code = (thrown as NodeJS.ErrnoException).code;
  const message = withoutQuotedInput(thrown, thrown.message);
  return {
    type: thrown.constructor.name,
    message,
    ...(thrown instanceof MeshError ? { kind: thrown.kind } : {}),
    ...(typeof code === "string" || typeof code === "number" ? { code: String(code) } : {}),
    ...(thrown.stack === undefined ? {} : { stack: withoutQuotedInput(thrown, thrown.stack) }),
    ...(thrown.cause === undefined || depth >= maxCauses
      ? {}
      : { cause: describeError(thrown.cause, depth + 1) }),
  };
}

const maxCauses = 4;

function withoutQuotedInput(error: Error, text: string): string {
  return error instanceof SyntaxError
    ? text.replace(/(?:\.{3})?".*"(?:\.{3})? is not valid JSON/s, "the text is not valid JSON")
    : text;
}
