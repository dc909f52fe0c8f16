import { type Kind, type KindRow, kinds } from "../../../core/errors/kinds.ts";
import { MeshError, type MeshErrorOptions } from "../../../core/errors/mesh-error.ts";
import { loopCode } from "../../../core/hops.ts";
import type { ErrorCode } from "./codes.ts";

/** An error that only HTTP knows: a kind with its own status and code. */
interface HttpForm {
  readonly kind: Kind;
  readonly http: number;
  readonly code: ErrorCode | null;
}

/** Every error that the HTTP surface finds by itself, before a generation exists. */
export const httpFaults = {
  missing_key: { kind: "unauthenticated", http: 401, code: null },
  unknown_url: { kind: "invalid_request", http: 404, code: null },
  unknown_response: { kind: "invalid_request", http: 404, code: null },
  wrong_method: { kind: "invalid_request", http: 405, code: "method_not_supported" },
  request_timeout: { kind: "invalid_request", http: 408, code: "request_timeout" },
  body_too_large: { kind: "invalid_request", http: 413, code: "request_too_large" },
  url_too_long: { kind: "invalid_request", http: 414, code: null },
  content_type: { kind: "invalid_request", http: 415, code: "unsupported_content_type" },
  content_encoding: { kind: "invalid_request", http: 415, code: "unsupported_content_encoding" },
  headers_too_large: { kind: "invalid_request", http: 431, code: null },
  loop_detected: { kind: "invalid_request", http: 508, code: loopCode },
  shutting_down: { kind: "no_nodes", http: 503, code: null },
} as const satisfies Record<string, HttpForm>;

/** A key of `httpFaults`. */
export type HttpFault = keyof typeof httpFaults;

/** A MeshError whose status and code are HTTP's own; on any other surface it is its kind. */
export class HttpError extends MeshError {
  readonly #row: KindRow;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    fault: HttpFault,
    message: string,
    options: MeshErrorOptions & { headers?: Readonly<Record<string, string>> } = {},
  ) {
    const { kind, http, code } = httpFaults[fault];
    super(kind, message, options);
    this.#row = { ...kinds[kind], http, code };
    this.headers = options.headers ?? {};
  }

  override get row(): KindRow {
    return this.#row;
  }
}
