import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import type { Transport } from "@connectrpc/connect";
import { parseHostPort } from "../../../core/config/host-port.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { speaksTls } from "../../../core/identity/fetch-authority.ts";
import { refusedCode } from "../../../core/identity/peer.ts";
import type { Security } from "../security.ts";
import { type Finding, fault } from "./check.ts";
import { askForToken } from "./machine.ts";

/** How long a connection or a reply may take, in milliseconds. */
const limitMs = 5000;

type Explanation = [says: string, cure: string];

/** Resolves a service's name, connects and calls it; a failure of any step is a finding. */
export async function ask<T>(
  service: "registry" | "router",
  address: string,
  security: Security,
  signal: AbortSignal,
  question: (transport: Transport, signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T } | { readonly finding: Finding }> {
  const finding = (explanation: Explanation) => ({
    finding: fault(service === "registry" ? "Registry" : "Router", ...explanation),
  });
  const unreachable = await whyUnreachable(address, `--${service}`, signal);
  signal.throwIfAborted();
  if (unreachable !== undefined) return finding(unreachable);
  const transport = security.connect(address, { role: service });
  try {
    return { value: await question(transport, AbortSignal.timeout(limitMs)) };
  } catch (error) {
    signal.throwIfAborted();
    if (security.credentials === undefined && (await speaksTls(address, AbortSignal.timeout(limitMs))))
      return finding([
        `the ${service} at ${address} speaks TLS, and this machine has no identity for it`,
        askForToken,
      ]);
    if (!(error instanceof MeshError))
      return finding([
        `${address} takes connections and does not answer`,
        `Check that it is a ${service}: --${service} HOST:PORT.`,
      ]);
    if (error.code === refusedCode)
      return finding([`${address} refuses this machine: ${error.message}`, "Ask the mesh's operator."]);
    return finding([
      `what answers at ${address} is not a ${service} of this version (${error.message})`,
      `Check the address: --${service} HOST:PORT. If it is right, update cxmpute there.`,
    ]);
  } finally {
    transport.close();
  }
}

/** Why no connection can be made to an address, which `flag` sets; undefined when one can. */
async function whyUnreachable(
  address: string,
  flag: string,
  signal: AbortSignal,
): Promise<Explanation | undefined> {
  const { host, port } = parseHostPort(address)!;
  try {
    await lookup(host);
  } catch (error) {
    return [
      `there is no host named ${host} (${(error as NodeJS.ErrnoException).code})`,
      `Check the name in ${flag}, and this machine's network and DNS.`,
    ];
  }
  const code = await tryConnect(host, port, signal);
  return code === undefined ? undefined : explain(address, flag, code);
}

/** Why a connection failed, and what to do. */
export function explain(address: string, flag: string, code: string): Explanation {
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
    const socket = connect({ host, port, timeout: limitMs, signal });
    const end = (code: string | undefined) => {
      socket.destroy();
      resolve(code);
    };
    socket.once("connect", () => end(undefined));
    socket.once("timeout", () => end("TIMEOUT"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? "UNKNOWN"));
  });
}
