import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { speaksTls } from "../../core/identity/fetch-authority.ts";
import { UserFault } from "../../core/lifecycle/user-fault.ts";
import { tlsFailedCode } from "../../core/rpc/grpc-codec.ts";
import { openCredentials } from "./credentials.ts";
import { withCredentials } from "./security.ts";
import type { TlsValues } from "./settings/tls.ts";

/** How long a service may take to answer, in milliseconds. */
const timeoutMs = 5000;

const callerRoles = ["admin", "client"] as const;

/** Connects, calls and closes. Throws a fault with what to do when the service does not answer. */
export async function callOnce<Service extends DescService, T>(
  { schema, name, address, tls }: Callee<Service>,
  call: (client: Client<Service>, options: { readonly signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const { credentials, connect } = withCredentials(openCredentials(tls, callerRoles));
  const transport = connect(address, { role: name });
  try {
    return await call(createClient(schema, transport), { signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const unreachable =
      error instanceof MeshError && error.kind === "node_lost" && error.code !== tlsFailedCode;
    const late = error instanceof DOMException && error.name === "TimeoutError";
    if (!unreachable && !late) throw error;
    if (credentials === undefined && (await speaksTls(address, AbortSignal.timeout(timeoutMs))))
      throw new UserFault(
        `the ${name} at ${address} speaks TLS, and this command does not: give it a certificate with --tls FOLDER, or with --tls-cert, --tls-key and --tls-ca.`,
        { cause: error },
      );
    throw new UserFault(
      `cannot reach the ${name} at ${address}${late ? ` within ${timeoutMs / 1000} s` : ""}. Is it running? Start one with \`cxmpute ${name}\`, or name another with --${name} HOST:PORT.`,
      { cause: error },
    );
  } finally {
    transport.close();
  }
}

interface Callee<Service> {
  readonly schema: Service;
  readonly name: "registry" | "router";
  readonly address: string;
  readonly tls: TlsValues;
}
