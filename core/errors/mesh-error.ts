import { create } from "@bufbuild/protobuf";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/cxmpute/error/v1/error_pb.ts";
import { type Kind, type KindRow, kindOf, kinds } from "./kinds.ts";

/** Details of a failure. */
export interface MeshErrorOptions {
  /** OpenAI's `code` when it is more precise than the kind's own. */
  code?: string;
  /** Path of the request parameter at fault, such as `messages[0].role`, or of the field of a generation. */
  param?: string;
  retryAfterMs?: number;
  /** The capabilities that are missing; see `core/generation/capabilities.ts`. */
  capabilities?: readonly string[];
  /** The underlying error; logged, never sent. */
  cause?: unknown;
}

/** The only error thrown on purpose. Its message goes to callers, and never carries a prompt or a secret. */
export class MeshError extends Error {
  override readonly name = "MeshError";
  readonly kind: Kind;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly capabilities: readonly string[];

  constructor(kind: Kind, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = options.code;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
    this.capabilities = options.capabilities ?? none;
  }

  get row(): KindRow {
    return kinds[this.kind];
  }
}

const none: readonly string[] = [];

/** What a caller sees instead of a bug's own message. */
export const internalMessage = "The server had an error while processing your request. Sorry about that!";

/** Any thrown value: aborts are `cancelled`, timeouts `deadline`, anything else `internal` with a masked message. */
export function toMeshError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown;
  if (thrown instanceof DOMException && thrown.name === "AbortError")
    return new MeshError("cancelled", "The request was cancelled.", { cause: thrown });
  if (thrown instanceof DOMException && thrown.name === "TimeoutError")
    return new MeshError("deadline", "The request timed out.", { cause: thrown });
  return new MeshError("internal", internalMessage, { cause: thrown });
}

/** The error as it is sent between processes. */
export function toErrorDetail(error: MeshError): ErrorDetail {
  return create(ErrorDetailSchema, {
    reason: error.row.reason,
    message: error.message,
    code: error.code ?? "",
    param: error.param ?? "",
    capabilities: [...error.capabilities],
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(error.retryAfterMs) }),
  });
}

/** Errors that another process has reported. */
const reported = new WeakSet<MeshError>();

/** Whether an error was reported by another process, and not found by this one. */
export const isReported = (error: MeshError): boolean => reported.has(error);

/** The exact inverse of `toErrorDetail`, without the cause. */
export function fromErrorDetail(detail: ErrorDetail): MeshError {
  const error = new MeshError(kindOf(detail.reason), detail.message, {
    ...(detail.code === "" ? {} : { code: detail.code }),
    ...(detail.param === "" ? {} : { param: detail.param }),
    ...(detail.capabilities.length === 0 ? {} : { capabilities: detail.capabilities }),
    ...(detail.retryAfterMs === undefined ? {} : { retryAfterMs: detail.retryAfterMs }),
  });
  reported.add(error);
  return error;
}
