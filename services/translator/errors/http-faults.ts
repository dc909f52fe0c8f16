import { MeshError } from "../../../core/errors/mesh-error.ts";
import { loopMessage } from "../../../core/hops.ts";
import { shuttingDown as sentence } from "../../../core/lifecycle/lifecycle.ts";
import { HttpError } from "./http-error.ts";

// Errors of the HTTP request itself, in OpenAI's words where it has any.

/** The request has no bearer key. */
export const missingKey = () =>
  new HttpError(
    "missing_key",
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    { headers: challenge },
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

/** No route has this path. */
export const unknownUrl = (method: string, path: string) =>
  new HttpError("unknown_url", `Invalid URL (${method} ${path})`);

/** The route does not take this method. */
export const wrongMethod = (method: string, path: string, allowed: string) =>
  new HttpError(
    "wrong_method",
    `Not allowed to ${method} on ${path}. Only ${allowed} requests are accepted.`,
    { headers: { allow: allowed } },
  );

/** The body is larger than the limit. */
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

/** The body is compressed. */
export const wrongContentEncoding = (encoding: string) =>
  new HttpError(
    "content_encoding",
    `Unsupported content encoding: '${encoding}'. Send the body uncompressed, without a Content-Encoding header.`,
  );

/** The body is not JSON; `hint` says more. */
export const badJson = (hint: string) =>
  new MeshError("invalid_request", `We could not parse the JSON body of your request. (HINT: ${hint})`);

/** The path, or a segment of it, is too long. */
export const urlTooLong = () => new HttpError("url_too_long", "The URL is too long.");

/** The path holds a broken percent-encoding. */
export const badUrl = () =>
  new MeshError("invalid_request", "The URL holds a percent-encoding that is not valid.");

/** The request did not arrive in time. */
export const requestTimeout = () =>
  new HttpError("request_timeout", "The request did not arrive in full in time. Send it again.");

/** The headers are larger than the limit. */
export const headersTooLarge = () =>
  new HttpError("headers_too_large", "The request's headers are too large.");

/** The request is not HTTP/1.1, or is cut off. */
export const badRequest = () => new MeshError("invalid_request", "The request is not valid HTTP.");

/** The request loops between meshes that serve each other's models. */
export const loopDetected = () => new HttpError("loop_detected", loopMessage);

/** The service shuts down before the answer has ended. */
export const shuttingDown = () =>
  new HttpError("shutting_down", `${sentence} Send the request again.`, {
    retryAfterMs: 1000,
  });

const challenge = { "www-authenticate": "Bearer" };

function maskKey(key: string): string {
  return key.length < 12 ? "***" : `${key.slice(0, 5)}***${key.slice(-4)}`;
}
