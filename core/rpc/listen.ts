import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { parseHostPort } from "../config/host-port.ts";
import { toListenFault } from "../lifecycle/listen-fault.ts";

/** What listens for connections. */
export interface Listener {
  readonly port: number;
  /** Stops listening; open connections stay. */
  close(): void;
}

/** Listens on every address of a host, where at least one must work. Throws a fault that says what to do. */
export async function listenForSockets(
  listen: string,
  onSocket: (socket: Socket) => void,
): Promise<Listener> {
  const address = parseHostPort(listen);
  const servers: Server[] = [];
  let failure: unknown = new Error(`${listen} is not HOST:PORT.`);
  try {
    let port = address?.port ?? 0;
    for (const { address: host } of address === undefined ? [] : await lookup(address.host, { all: true }))
      try {
        const server = createServer({ noDelay: true }, onSocket);
        server.listen(port, host);
        await once(server, "listening");
        servers.push(server);
        port = (server.address() as AddressInfo).port;
      } catch (error) {
        failure = error;
      }
    const close = () => {
      for (const server of servers) server.close();
    };
    if (servers.length > 0) return { port, close };
  } catch (error) {
    failure = error;
  }
  throw toListenFault(failure, listen);
}
