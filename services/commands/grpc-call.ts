import type { Transport } from "@connectrpc/connect";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { UserFault } from "../../core/lifecycle/user-fault.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";

/** How long a service may take to answer a question of the command line, in milliseconds. */
const patienceMs = 5000;

/** Connects, asks, and closes. Throws a fault with what to do when nobody answers. */
export async function callOnce<T>(
  service: "registry" | "router",
  address: string,
  call: (transport: Transport, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const transport = createGrpcTransport({ address });
  try {
    return await call(transport, AbortSignal.timeout(patienceMs));
  } catch (error) {
    const unreachable = error instanceof MeshError && error.kind === "node_lost";
    const late = error instanceof DOMException && error.name === "TimeoutError";
    if (!unreachable && !late) throw error;
    throw new UserFault(
      `cannot reach the ${service} at ${address}${late ? ` within ${patienceMs / 1000} s` : ""}. Is it running? Start one with \`cxmpute ${service}\`, or name another with --${service} HOST:PORT.`,
      { cause: error },
    );
  } finally {
    transport.close();
  }
}
