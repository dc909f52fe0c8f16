import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** A new id with a prefix that names its kind: `req_`, `chatcmpl-`, `call_`. 122 random bits. */
export const newId = (prefix: string): string => prefix + randomUUID().replaceAll("-", "");

/**
 * The id of a request in `x-request-id`, error reports and logs: the caller's if it is printable, otherwise a new
 * one.
 */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const sent = headers["x-request-id"];
  return typeof sent === "string" && printable.test(sent) ? sent : newId("req_");
}

const printable = /^[\w.~+/=:@-]{1,128}$/;
