import type { Lifecycle } from "../../core/lifecycle/lifecycle.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import { runService } from "../../core/lifecycle/run-service.ts";
import { type GrpcServer, type GrpcServerOptions, startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createLog, type Log, type LogLevel } from "../../core/telemetry/log.ts";

/** The settings that everything has that runs for long. */
export interface ServiceValues {
  readonly logLevel: LogLevel;
  readonly logFormat: "auto" | "json" | "pretty";
  readonly graceSeconds: number;
}

/**
 * Makes the log of one service of this process. A detail is one that repeats, for a person who reads, what
 * another service tells; at level info people are told only its warnings, and programs everything.
 */
export type LogFor = (service: string, options?: { readonly isDetail?: boolean }) => Log;

/**
 * Runs one or several services until a signal ends them. What keeps them from starting is thrown as it is; its
 * details are in the log, at level debug.
 */
export async function serve(
  name: string,
  values: ServiceValues,
  start: (lifecycle: Lifecycle, logFor: LogFor) => Promise<void>,
  /** Takes the finished lines of the log; default: standard error. */
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
    } catch (error) {
      log.debug({ err: error }, "the start has failed");
      throw error;
    }
  };
  return runService({ start: guardedStart, log, graceMs: graceSeconds * 1000 });
}

/** Whether the log is written for people. */
export const isPretty = (format: ServiceValues["logFormat"]): boolean =>
  format === "auto" ? process.stderr.isTTY === true : format === "pretty";

/** Listens with gRPC; what keeps it from listening is told as a fault with what to do; `flag` sets the address. */
export async function listenGrpc(options: GrpcServerOptions, flag = "--listen"): Promise<GrpcServer> {
  try {
    return await startGrpcServer(options);
  } catch (error) {
    throw toListenFault(error, options.listen, flag);
  }
}

/** Says on standard output that a service is up, in a line that other programs can wait for. */
export function announce(name: string, text: string): void {
  process.stdout.write(`cxmpute ${name}: ${text}\n`);
}
