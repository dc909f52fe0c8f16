import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { toErrorAnswer } from "../errors/envelope.ts";
import { badRequest, headersTooLarge, requestTimeout } from "../errors/http-faults.ts";
import { newId } from "./request-id.ts";

/**
 * Answers data that is not a complete request (not HTTP, too large, too slow) with the usual envelope, and closes the
 * connection.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code !== "ECONNRESET" && socket.writable && !isAnswering(socket)) {
    const { status, headers, body } = toErrorAnswer(toFault(error.code));
    const lines = Object.entries({
      ...headers,
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
      "x-request-id": newId("req_"),
      connection: "close",
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
  }
  socket.destroySoon();
}

function toFault(code: string | undefined) {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return requestTimeout();
  if (code === "HPE_HEADER_OVERFLOW") return headersTooLarge();
  return badRequest();
}

/** Whether a response has started; Node's own handler looks in the same field. */
function isAnswering(socket: Socket): boolean {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage?.headersSent === true;
}
