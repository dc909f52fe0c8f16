import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A server with OpenAI's API that does not say what it is. */
export interface Disguised {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Stands in front of a server and hides its kind: no header, no owner, none of its own endpoints. `change` has its way
 * with the body of each request.
 */
export async function disguise(
  upstream: string,
  change: (body: Record<string, unknown>) => Record<string, unknown>,
): Promise<Disguised> {
  const server = createServer(async (request, response) => {
    try {
      const path = request.url ?? "";
      if (!path.startsWith("/v1/")) {
        response.writeHead(404).end();
        return;
      }
      const { method = "GET" } = request;
      const parts = await request.toArray();
      const body =
        method === "POST" ? JSON.stringify(change(JSON.parse(Buffer.concat(parts).toString()))) : null;
      const leaving = new AbortController();
      response.once("close", () => leaving.abort());
      const answer = await fetch(upstream + path, { method, body, signal: leaving.signal });
      const type = answer.headers.get("content-type") ?? "";
      response.writeHead(answer.status, { "content-type": type });
      if (path === "/v1/models") response.end((await answer.text()).replaceAll('"llamacpp"', '"somebody"'));
      else await pipeline(Readable.fromWeb(answer.body as never), response);
    } catch {
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
