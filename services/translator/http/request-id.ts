import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** A new id with a prefix that says of what: `req_`, `chatcmpl-`, `call_`. 122 random bits. */
export const newId = (prefix: string): string => prefix + randomUUID().replaceAll("-", "");

/**
 * The name of a request in the answer's `x-request-id`, in error reports and in every log it crosses: what the
 * caller sent, when that is fit to print, otherwise a new one.
 */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const sent = headers["x-request-id"];
  return typeof sent === "string" && printable.test(sent) ? sent : newId("req_");
}

/** What needs no quoting in a header or a log line. */
const printable = /^[\w.~+/=:@-]{1,128}$/;
