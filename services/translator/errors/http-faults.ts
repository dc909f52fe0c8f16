import { type Kind, type KindRow, kinds } from "../../../core/errors/kinds.ts";
import { MeshError, type MeshErrorOptions } from "../../../core/errors/mesh-error.ts";
import { loopCode, loopMessage } from "../../../core/hops.ts";
import { shuttingDown as sentence } from "../../../core/lifecycle/lifecycle.ts";
import type { ErrorCode } from "./envelope.ts";
import { shorten } from "./param-faults.ts";

/** Every error that only HTTP knows, found before a generation exists: a kind with its own status and code. */
export const httpFaults = {
  missing_key: { kind: "unauthenticated", http: 401, code: null },
  foreign_page: { kind: "unauthenticated", http: 403, code: null },
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
} as const satisfies Record<string, { kind: Kind; http: number; code: ErrorCode | null }>;

/** A MeshError whose status and code are HTTP's own; on any other surface it is its kind. */
export class HttpError extends MeshError {
  readonly #row: KindRow;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    fault: keyof typeof httpFaults,
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

// Errors of the HTTP request itself, in OpenAI's words where it has any.

export const missingKey = () =>
  new HttpError(
    "missing_key",
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    { headers: { "www-authenticate": "Bearer" } },
  );

/** The key is unknown; the message shows it masked. */
export const wrongKey = (key: string) =>
  new MeshError(
    "unauthenticated",
    `Incorrect API key provided: ${maskKey(key)}. Check it for missing characters, or ask the operator of this service for one.`,
  );

/** `X-User-Id` names another user than the key's. */
export const wrongUser = () =>
  new MeshError(
    "unauthenticated",
    "The X-User-Id header does not belong to this API key. Send the key's own user id, or leave the header out.",
  );

/** Without keys, web pages of a site, an origin or a host name, are refused. */
export const foreignPage = (site: string) =>
  new HttpError(
    "foreign_page",
    `Web pages of ${shorten(site)} may not use this endpoint, because it accepts requests without a key. Start it with keys (--api-key USER=KEY), and give the page one.`,
  );

export const unknownUrl = (method: string, path: string) =>
  new HttpError("unknown_url", `Invalid URL (${method} ${path})`);

export const wrongMethod = (method: string, path: string, allowed: string) =>
  new HttpError(
    "wrong_method",
    `Not allowed to ${method} on ${path}. Only ${allowed} requests are accepted.`,
    { headers: { allow: allowed } },
  );

export const bodyTooLarge = (limitBytes: number) =>
  new HttpError(
    "body_too_large",
    `The request body is too large: at most ${limitBytes} bytes (${Math.floor(limitBytes / 1024 / 1024)} MiB) are accepted.`,
  );

/** The content type is missing or not JSON. */
export const wrongContentType = (type: string | undefined) =>
  new HttpError(
    "content_type",
    type === undefined
      ? "Missing content type. This API method only accepts 'application/json' requests: add the header 'Content-Type: application/json'."
      : `Unsupported content type: '${type}'. This API method only accepts 'application/json' requests, but you specified the header 'Content-Type: ${type}'.`,
  );

export const wrongContentEncoding = (encoding: string) =>
  new HttpError(
    "content_encoding",
    `Unsupported content encoding: '${encoding}'. Send the body uncompressed, without a Content-Encoding header.`,
  );

/** The body is not JSON; `hint` says more. */
export const badJson = (hint: string) =>
  new MeshError("invalid_request", `We could not parse the JSON body of your request. (HINT: ${hint})`);

export const badRequest = () => new MeshError("invalid_request", "The request is not valid HTTP.");

/** The request loops between meshes that serve each other's models. */
export const loopDetected = () => new HttpError("loop_detected", loopMessage);

/** The service shuts down before the answer has ended. */
export const shuttingDown = () =>
  new HttpError("shutting_down", `${sentence} Send the request again.`, { retryAfterMs: 1000 });

function maskKey(key: string): string {
  return key.length < 12 ? "***" : `${key.slice(0, 5)}***${key.slice(-4)}`;
}
