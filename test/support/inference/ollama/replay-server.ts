import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Exchange } from "./golden-file.ts";

/** A server that answers as recorded. */
export interface ReplayServer {
  readonly url: string;
  /** The requests that came, without those that were answered from the ground. */
  readonly requests: readonly { readonly request: string; readonly body: string }[];
  close(): Promise<void>;
}

/** What is answered without a recording: JSON by request, such as `GET /api/version`. */
export type Ground = Readonly<Record<string, object>>;

/** Answers with the exchanges, in order, and with the ground to whatever it has an answer for. */
export async function startReplay(exchanges: readonly Exchange[], ground: Ground): Promise<ReplayServer> {
  const requests: { request: string; body: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const name = `${request.method} ${request.url}`;
      const exchange = exchanges[requests.length];
      const known = ground[name];
      if (known !== undefined && exchange?.request !== name) {
        response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
        response.end(JSON.stringify(known));
        return;
      }
      requests.push({ request: name, body: Buffer.concat(chunks).toString("utf8") });
      if (exchange === undefined) {
        response.writeHead(500, { "content-type": "text/plain" });
        response.end("no such recording");
        return;
      }
      const { status, contentType, body, broken } = exchange;
      response.writeHead(status, contentType === "" ? {} : { "content-type": contentType });
      if (!broken) response.end(body);
      else response.write(body, () => request.socket.destroySoon());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The platform's `fetch`, with bodies cut into pieces of so many bytes. */
export const fetchInPieces =
  (bytes: number): typeof fetch =>
  async (input, init) => {
    const { body, status, headers } = await fetch(input, init);
    const pieces = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (let at = 0; at < chunk.length; at += bytes) controller.enqueue(chunk.slice(at, at + bytes));
      },
    });
    return new Response(body?.pipeThrough(pieces) ?? null, { status, headers });
  };
