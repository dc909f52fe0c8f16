import { systemClock } from "../../core/clock.ts";
import { parseHostPort } from "../../core/config/host-port.ts";
import { type OpsServer, startOpsServer, type WhyNotReady } from "../../core/http/ops-server.ts";
import { type Lifecycle, shuttingDown } from "../../core/lifecycle/lifecycle.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { opsOff } from "./settings/ops.ts";

/**
 * Opens the operations listener before everything else, so that it is the last to close and says "not ready" while the
 * service starts and drains. What is returned is told what makes the service ready, once it is there. An address that
 * was set must be free; where the usual one is taken, as by a second service on this machine, a free port is taken.
 */
export async function openOps(
  { opsListen: given }: { readonly opsListen: string | undefined },
  /** Where it listens when nobody says otherwise; undefined: nowhere. */
  standing: string | undefined,
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
  else if (given === undefined && standing !== undefined)
    server = await start(standing)
      .catch((error: unknown) => {
        log.debug({ err: error }, `${standing} is not available for the operations listener`);
        return start(`${parseHostPort(standing)!.host}:0`);
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
