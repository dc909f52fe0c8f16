import type { DescMessage } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { FastifyRequest } from "fastify";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { toConnectError } from "../../../core/rpc/status.ts";
import { JsonScanner } from "./json-scanner.ts";
import { scanMessage } from "./scan-message.ts";

/** In front of a message, except in Connect's unary calls: flags and length. */
const envelopeBytes = 5;

/** The body of a call with one message, measured before Connect decodes it. Throws a ConnectError. */
export async function* measuredBody(
  { raw, headers }: FastifyRequest,
  input: DescMessage,
  limitBytes: number,
): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of raw as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > limitBytes + envelopeBytes)
      throw new ConnectError(`The message is larger than ${limitBytes} bytes.`, Code.ResourceExhausted);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks, length);
  const type = headers["content-type"] ?? "";
  const message = /^application\/(?:json|proto)\b/.test(type) ? body : body.subarray(envelopeBytes);
  try {
    if (/json/.test(type)) new JsonScanner().scan(message);
    else scanMessage(message, input);
  } catch (error) {
    // Connect itself reports bytes that are no message.
    if (error instanceof MeshError) throw toConnectError(error);
  }
  yield body;
}
