import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { parseHostPort } from "../../../core/config/host-port.ts";
import { type Finding, fault } from "./check.ts";

/** How long a lookup or a connection may take, in milliseconds. */
const limitMs = 5000;

/** Resolves a service's name and connects to it; undefined when both work. `flag` sets its address. */
export async function reach(
  name: string,
  address: string,
  flag: string,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const { host, port } = parseHostPort(address)!;
  try {
    await lookup(host);
  } catch (error) {
    signal.throwIfAborted();
    return fault(
      name,
      `there is no host named ${host} (${(error as NodeJS.ErrnoException).code})`,
      `Check the name in ${flag}, and this machine's network and DNS.`,
    );
  }
  const code = await tryConnect(host, port, signal);
  signal.throwIfAborted();
  return code === undefined ? undefined : fault(name, ...explain(address, flag, code));
}

/** Why a connection failed, and what to do. */
export function explain(address: string, flag: string, code: string): [says: string, cure: string] {
  if (code === "ECONNREFUSED")
    return [
      `nothing listens at ${address}`,
      `Ask the mesh's operator whether it runs, and check the port in ${flag}.`,
    ];
  if (code === "TIMEOUT")
    return [
      `${address} does not answer within ${limitMs / 1000} s`,
      `Check the address in ${flag}, and firewalls on the way: only outgoing connections are needed.`,
    ];
  return [
    `there is no route to ${address} (${code})`,
    `Check the address in ${flag}, and this machine's network.`,
  ];
}

/** The system's code of the failure; undefined when a connection was made. */
function tryConnect(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: limitMs });
    const end = (code: string | undefined) => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      resolve(code);
    };
    const abort = () => end("ABORTED");
    signal.addEventListener("abort", abort, { once: true });
    socket.once("connect", () => end(undefined));
    socket.once("timeout", () => end("TIMEOUT"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? "UNKNOWN"));
  });
}
