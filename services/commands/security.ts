import { systemClock } from "../../core/clock.ts";
import { isLoopback } from "../../core/config/host-port.ts";
import type { LiveCredentials } from "../../core/identity/credentials.ts";
import type { Identity, Role } from "../../core/identity/identity.ts";
import type { Lifecycle } from "../../core/lifecycle/lifecycle.ts";
import { createGrpcTransport, type GrpcTransport } from "../../core/rpc/grpc-transport.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { followFiles, openCredentials } from "./credentials.ts";
import type { TlsValues } from "./settings/tls.ts";

/** How one process of the mesh shows itself to the others, and whom it takes them for. */
export interface Security {
  /** To listen with; undefined where the mesh is in plain text. */
  readonly credentials: LiveCredentials | undefined;
  /**
   * Makes a connection to HOST:PORT that stands only if `expect` is there; in plain text, to whoever is there. `roams`
   * when this machine may get another address (`GrpcTransportOptions`).
   */
  connect(address: string, expect: Identity, options?: { readonly roams?: boolean }): GrpcTransport;
}

/** Security by the settings of a process that acts as `role`, which follows its files for as long as it runs. */
export function secure(values: TlsValues, role: Role, { add }: Pick<Lifecycle, "add">, log: Log): Security {
  const credentials = openCredentials(values, [role]);
  if (credentials !== undefined) add(followFiles(credentials, values, [role], { clock: systemClock, log }));
  return withCredentials(credentials);
}

/** Security with credentials at hand. */
export const withCredentials = (credentials: LiveCredentials | undefined): Security => ({
  credentials,
  connect: (address, expect, { roams = false } = {}) =>
    createGrpcTransport({
      address,
      tls: credentials === undefined ? undefined : { credentials, expect },
      roams,
    }),
});

/** Tells the operator of a listener that others can reach and that takes everybody for a friend. */
export function warnIfOpen(listen: string, { credentials }: Security, log: Log): void {
  if (credentials === undefined && !isLoopback(listen))
    log.warn(
      { listen },
      "this listens in plain text where other machines can connect, and trusts all of them: block strangers in the network, or start every service with --tls FOLDER (`cxmpute tls init` creates one)",
    );
}
