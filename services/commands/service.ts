import { flushCompileCache } from "node:module";
import type { Lifecycle } from "../../core/lifecycle/lifecycle.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import { runService } from "../../core/lifecycle/run-service.ts";
import { type GrpcServerOptions, startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createLog, type Log, type LogLevel } from "../../core/telemetry/log.ts";
import { type Security, warnIfOpen } from "./security.ts";

/** The settings of all services. */
export interface ServiceValues {
  readonly logLevel: LogLevel;
  readonly logFormat: "auto" | "json" | "pretty";
  readonly graceSeconds: number;
}

/**
 * Makes the log of one service of this process. The log of a detail repeats another service's lines: at level info people
 * see only its warnings.
 */
export type LogFor = (service: string, options?: { readonly isDetail?: boolean }) => Log;

/** Runs services until a signal ends them. An error of the start is thrown, and logged at level debug. */
export async function serve(
  name: string,
  values: ServiceValues,
  start: (lifecycle: Lifecycle, logFor: LogFor) => Promise<void>,
  /** Takes the lines of the log; default: standard error. */
  write?: (line: string) => void,
): Promise<number> {
  const { logLevel, logFormat, graceSeconds } = values;
  const pretty = isPretty(logFormat);
  const logFor: LogFor = (service, { isDetail = false } = {}) =>
    createLog({
      service,
      pretty,
      level: isDetail && pretty && logLevel === "info" ? "warn" : logLevel,
      ...(write === undefined ? {} : { write }),
    });
  const log = logFor(name);
  const guardedStart = async (lifecycle: Lifecycle) => {
    try {
      await start(lifecycle, logFor);
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

/** How long open calls may take once their service has finished, in milliseconds. */
const closingMs = 1000;

/** How to serve gRPC. */
export interface GrpcPart extends Omit<GrpcServerOptions, "credentials"> {
  readonly security: Security;
  /** The flag of the address; default: `--listen`. */
  readonly flag?: string;
  /** Waits up to `graceMs` for open work, and ends what would last for ever, such as relays and watches. */
  readonly finish: (graceMs: number) => Promise<void>;
}

/** Serves gRPC until the process ends; resolves to the address. Throws a fault with what to do when it cannot listen. */
export async function serveGrpc(
  { security, flag, finish, ...options }: GrpcPart,
  { add }: Pick<Lifecycle, "add">,
): Promise<string> {
  const { listen, log } = options;
  const server = await startGrpcServer({ ...options, credentials: security.credentials }).catch(
    (error: unknown) => {
      throw toListenFault(error, listen, flag);
    },
  );
  warnIfOpen(listen, security, log);
  add({
    name: "gRPC server",
    drain: async (graceMs) => {
      server.setServing(false);
      await finish(graceMs);
      await server.shutdown(closingMs);
    },
  });
  return server.address;
}

/** Prints that a service is up, in a line that other programs can wait for. */
export function announce(name: string, text: string): void {
  process.stdout.write(`cxmpute ${name}: ${text}\n`);
}
