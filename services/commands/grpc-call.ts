import type { Transport } from "@connectrpc/connect";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { speaksTls } from "../../core/identity/fetch-authority.ts";
import { UserFault } from "../../core/lifecycle/user-fault.ts";
import { tlsFailedCode } from "../../core/rpc/grpc-codec.ts";
import { openCredentials } from "./credentials.ts";
import { withCredentials } from "./security.ts";
import type { TlsValues } from "./settings/tls.ts";

/** How long a service may take to answer, in milliseconds. */
const timeoutMs = 5000;

/** The roles with which the command line may call. */
const callerRoles = ["admin", "client"] as const;
const plainText: TlsValues = { tls: undefined, tlsCert: undefined, tlsKey: undefined, tlsCa: undefined };

/** Connects, calls and closes. Throws a fault with what to do when the service does not answer. */
export async function callOnce<T>(
  service: "registry" | "router",
  address: string,
  call: (transport: Transport, signal: AbortSignal) => Promise<T>,
  tls: TlsValues = plainText,
): Promise<T> {
  const { credentials, connect } = withCredentials(openCredentials(tls, callerRoles));
  const transport = connect(address, { role: service });
  try {
    return await call(transport, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    const unreachable =
      error instanceof MeshError && error.kind === "node_lost" && error.code !== tlsFailedCode;
    const late = error instanceof DOMException && error.name === "TimeoutError";
    if (!unreachable && !late) throw error;
    if (credentials === undefined && (await speaksTls(address, AbortSignal.timeout(timeoutMs))))
      throw new UserFault(
        `the ${service} at ${address} speaks TLS, and this command does not: give it a certificate with --tls FOLDER, or with --tls-cert, --tls-key and --tls-ca.`,
        { cause: error },
      );
    throw new UserFault(
      `cannot reach the ${service} at ${address}${late ? ` within ${timeoutMs / 1000} s` : ""}. Is it running? Start one with \`cxmpute ${service}\`, or name another with --${service} HOST:PORT.`,
      { cause: error },
    );
  } finally {
    transport.close();
  }
}
