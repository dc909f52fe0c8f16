import type { Transport } from "@connectrpc/connect";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { speaksTls } from "../../../core/identity/fetch-authority.ts";
import { refusedCode } from "../../../core/identity/peer.ts";
import type { Security } from "../security.ts";
import { type Finding, fault } from "./check.ts";

/** How long a reply may take, in milliseconds. */
const limitMs = 5000;

/** A reply of a service, or why there is none. */
type Asked<T> = { readonly value: T } | { readonly finding: Finding };

/** Calls a service that accepts connections; a failure is a finding. */
export async function ask<T>(
  service: "registry" | "router",
  address: string,
  security: Security,
  signal: AbortSignal,
  question: (transport: Transport, signal: AbortSignal) => Promise<T>,
): Promise<Asked<T>> {
  const transport = security.connect(address, { role: service });
  const name = service === "registry" ? "Registry" : "Router";
  try {
    return { value: await question(transport, AbortSignal.timeout(limitMs)) };
  } catch (error) {
    signal.throwIfAborted();
    if (security.credentials === undefined && (await speaksTls(address, AbortSignal.timeout(limitMs))))
      return {
        finding: fault(
          name,
          `the ${service} at ${address} speaks TLS, and this machine has no identity for it`,
          "Ask the mesh's operator for a join token and run `cxmpute join --token TOKEN`.",
        ),
      };
    if (!(error instanceof MeshError))
      return {
        finding: fault(
          name,
          `${address} takes connections and does not answer`,
          `Check that it is a ${service}: --${service} HOST:PORT.`,
        ),
      };
    if (error.code === refusedCode)
      return {
        finding: fault(name, `${address} refuses this machine: ${error.message}`, "Ask the mesh's operator."),
      };
    return {
      finding: fault(
        name,
        `what answers at ${address} is not a ${service} of this version (${error.message})`,
        `Check the address: --${service} HOST:PORT. If it is right, update cxmpute there.`,
      ),
    };
  } finally {
    transport.close();
  }
}
