import { systemClock } from "../../core/clock.ts";
import { parseHostPort } from "../../core/config/host-port.ts";
import { type OpsServer, startOpsServer, type WhyNotReady } from "../../core/http/ops-server.ts";
import { type Lifecycle, shuttingDown } from "../../core/lifecycle/lifecycle.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { opsOff } from "./settings/ops.ts";

/**
 * Opens the operations listener, before everything else, so that it closes last and reports "not ready" while the service
 * starts and drains. Returns a function that sets the service's own check. An address that was set must be free; for the
 * default address, a free port stands in when it is taken.
 */
export async function openOps(
  { opsListen: given }: { readonly opsListen: string | undefined },
  /** Undefined: nowhere by default. */
  defaultAddress: string | undefined,
  { signal, add }: Pick<Lifecycle, "signal" | "add">,
  log: Log,
): Promise<(whyNotReady: WhyNotReady) => void> {
  let current: WhyNotReady = () => "The service is starting.";
  const whyNotReady: WhyNotReady = () => (signal.aborted ? shuttingDown : current());
  const start = (listen: string): Promise<OpsServer> =>
    startOpsServer({ listen, whyNotReady, clock: systemClock });

  let server: OpsServer | undefined;
  if (given !== undefined && given !== opsOff)
    server = await start(given).catch((error: unknown) => {
      throw toListenFault(error, given, "--ops-listen");
    });
  else if (given === undefined && defaultAddress !== undefined)
    server = await start(defaultAddress)
      .catch((error: unknown) => {
        log.debug({ err: error }, `${defaultAddress} is not available for the operations listener`);
        return start(`${parseHostPort(defaultAddress)!.host}:0`);
      })
      .catch((error: unknown) => {
        log.warn(
          { err: error },
          "there is no operations listener: set its address with --ops-listen HOST:PORT",
        );
        return undefined;
      });
  if (server !== undefined) {
    const { address, close } = server;
    add({ name: "operations listener", stop: close });
    log.info({ address }, "operations listener serves /healthz and /readyz");
  }
  return (next) => {
    current = next;
  };
}
