import { flushCompileCache } from "node:module";
import { systemClock } from "../../core/clock.ts";
import { parseHostPort } from "../../core/config/host-port.ts";
import { startOpsServer, type WhyNotReady } from "../../core/http/ops-server.ts";
import { type Lifecycle, shuttingDown } from "../../core/lifecycle/lifecycle.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import { runService } from "../../core/lifecycle/run-service.ts";
import { type GrpcServerOptions, startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createLog, type Log } from "../../core/telemetry/log.ts";
import { type Security, warnIfOpen } from "./security.ts";
import { type opsAddresses, opsOff, type service, type ValuesIn } from "./settings/parts.ts";

type ServiceValues = Omit<ValuesIn<typeof service>, "data"> & { readonly opsListen: string | undefined };

interface ServiceOptions {
  /** Where its operations listener is by default; absent: nowhere. */
  readonly opsAddress?: (typeof opsAddresses)[keyof typeof opsAddresses];
  /** Whether something else shows people the details. */
  readonly isDetail?: boolean;
  /** Takes the lines of the log; default: standard error. */
  readonly writeLog?: ((line: string) => void) | undefined;
}

/** Makes a log. That of a detail repeats another service's lines: at level info people see only its warnings. */
type LogFor = (service: string, options?: { readonly isDetail?: boolean | undefined }) => Log;

export interface ServiceLifecycle extends Lifecycle {
  readonly log: Log;
  /** Makes the log of another service in this process. */
  readonly logFor: LogFor;
  /** Sets the check behind /readyz; before that the service is starting. */
  readyWhen(whyNotReady: WhyNotReady): void;
}

/** Runs services until a signal ends them. An error of the start is thrown, and logged at level debug. */
export async function serve(
  name: string,
  values: ServiceValues,
  { opsAddress, isDetail, writeLog }: ServiceOptions,
  start: (lifecycle: ServiceLifecycle) => Promise<void>,
): Promise<number> {
  const { logLevel, logFormat, graceSeconds, opsListen } = values;
  const pretty = isPretty(logFormat);
  const logFor: LogFor = (service, { isDetail = false } = {}) =>
    createLog({
      service,
      pretty,
      level: isDetail && pretty && logLevel === "info" ? "warn" : logLevel,
      ...(writeLog === undefined ? {} : { write: writeLog }),
    });
  const log = logFor(name);
  const guardedStart = async (lifecycle: Lifecycle) => {
    try {
      const ownLog = logFor(name, { isDetail });
      const readyWhen = await openOps(opsListen, opsAddress, lifecycle, ownLog);
      await start({ ...lifecycle, log: ownLog, logFor, readyWhen });
      // Node writes what it has compiled only at an orderly exit, and the next start should find it after any.
      flushCompileCache();
    } catch (error) {
      log.debug({ err: error }, "startup failed");
      throw error;
    }
  };
  return runService({ start: guardedStart, log, graceMs: graceSeconds * 1000 });
}

/** Whether the log is for people. */
export const isPretty = (format: ServiceValues["logFormat"]): boolean =>
  format === "auto" ? process.stderr.isTTY === true : format === "pretty";

/** Opens the operations listener, first so that it closes last. A free port replaces a taken default. */
async function openOps(
  given: string | undefined,
  defaultAddress: string | undefined,
  { signal, add }: Lifecycle,
  log: Log,
): Promise<ServiceLifecycle["readyWhen"]> {
  let current: WhyNotReady = () => "The service is starting.";
  const whyNotReady: WhyNotReady = () => (signal.aborted ? shuttingDown : current());
  const open = async (listen: string) => {
    const { address, close } = await startOpsServer({ listen, whyNotReady, clock: systemClock });
    add({ name: "operations listener", stop: close });
    log.info({ address }, "operations listener serves /healthz and /readyz");
  };
  if (given !== undefined && given !== opsOff)
    await open(given).catch((error: unknown) => {
      throw toListenFault(error, given, "--ops-listen");
    });
  else if (given === undefined && defaultAddress !== undefined)
    await open(defaultAddress)
      .catch((error: unknown) => {
        log.debug({ err: error }, `${defaultAddress} is not available for the operations listener`);
        return open(`${parseHostPort(defaultAddress)!.host}:0`);
      })
      .catch((error: unknown) => {
        const message = "there is no operations listener: set its address with --ops-listen HOST:PORT";
        log.warn({ err: error }, message);
      });
  return (next) => {
    current = next;
  };
}

/** How long open calls may take once their service has finished, in milliseconds. */
const closingMs = 1000;

interface GrpcPart extends Omit<GrpcServerOptions, "credentials" | "log"> {
  readonly security: Security;
  /** The flag of the address; default: `--listen`. */
  readonly flag?: string;
  /** Waits up to `graceMs` for open work. */
  readonly drain?: (graceMs: number) => Promise<void>;
  /** Fails what is still open, and ends what would last for ever, such as relays and watches. */
  readonly close: () => Promise<void> | void;
}

/** Serves gRPC until the process ends; resolves to the address. Throws a fault with what to do when it cannot listen. */
export async function serveGrpc(
  { security, flag, drain, close, ...options }: GrpcPart,
  { add, log }: Pick<ServiceLifecycle, "add" | "log">,
): Promise<string> {
  const { listen } = options;
  const { credentials } = security;
  const server = await startGrpcServer({ ...options, log, credentials }).catch((error: unknown) => {
    throw toListenFault(error, listen, flag);
  });
  warnIfOpen(listen, security, log);
  add({
    name: "gRPC server",
    drain: async (graceMs) => {
      server.setServing(false);
      await drain?.(graceMs);
    },
    stop: async () => {
      await close();
      await server.shutdown(closingMs);
    },
  });
  return server.address;
}

/** Prints that a service is up, in a line that other programs can wait for. */
export function announce(name: string, text: string): void {
  process.stdout.write(`cxmpute ${name}: ${text}\n`);
}
