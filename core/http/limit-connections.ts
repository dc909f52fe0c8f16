import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ConnectionLimit, type ConnectionLimits, peerNameOf } from "./connection-limit.ts";

/** Bounds the connections of an HTTP or HTTPS server. One with an open request is held. */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  const limit = new ConnectionLimit(limits);
  // First, before TLS begins on it.
  server.prependListener("connection", (socket: Socket) => limit.admit(socket));
  server.prependListener("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const name = peerNameOf(socket);
    limit.hold(name);
    response.once("close", () => limit.release(name));
  });
}
