import { systemClock } from "../../core/clock.ts";
import { isLoopback } from "../../core/config/host-port.ts";
import type { LiveCredentials } from "../../core/identity/credentials.ts";
import type { Identity, Role } from "../../core/identity/identity.ts";
import type { Lifecycle } from "../../core/lifecycle/lifecycle.ts";
import { createGrpcTransport, type GrpcTransport } from "../../core/rpc/grpc-transport.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { followFiles, openCredentials } from "./credentials.ts";
import type { TlsValues } from "./settings/tls.ts";

/** How a process of the mesh authenticates itself and its peers. */
export interface Security {
  /** Undefined in plain text. */
  readonly credentials: LiveCredentials | undefined;
  /** Connects over TLS only if the peer is `expect`. */
  connect(address: string, expect: Identity): GrpcTransport;
}

/** Security from the settings of a process with a role; reloads the files when they change. */
export function secure(
  values: TlsValues,
  role: Role,
  { add, log }: { readonly add: Lifecycle["add"]; readonly log: Log },
): Security {
  const credentials = openCredentials(values, [role]);
  if (credentials !== undefined) add(followFiles(credentials, values, [role], { clock: systemClock, log }));
  return withCredentials(credentials);
}

/** Security with these credentials. */
export const withCredentials = (credentials: LiveCredentials | undefined): Security => ({
  credentials,
  connect: (address, expect) =>
    createGrpcTransport({
      address,
      tls: credentials === undefined ? undefined : { credentials, expect },
      carriesRelays: expect.role !== "registry",
    }),
});

/** Warns of a listener that other machines can reach and that trusts every caller. */
export function warnIfOpen(listen: string, { credentials }: Security, log: Log): void {
  if (credentials === undefined && !isLoopback(listen))
    log.warn(
      { listen },
      "this listens in plain text where other machines can connect, and trusts all of them: block strangers in the network, or start every service with --tls FOLDER (`cxmpute tls init` creates one)",
    );
}
