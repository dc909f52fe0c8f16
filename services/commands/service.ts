import type { Lifecycle } from "../../core/lifecycle/lifecycle.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import { runService } from "../../core/lifecycle/run-service.ts";
import { type GrpcServerOptions, startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createLog, type Log, type LogLevel } from "../../core/telemetry/log.ts";
import { type Security, warnIfOpen } from "./security.ts";

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
      log.debug({ err: error }, "startup failed");
      throw error;
    }
  };
  return runService({ start: guardedStart, log, graceMs: graceSeconds * 1000 });
}

/** Whether the log is written for people. */
export const isPretty = (format: ServiceValues["logFormat"]): boolean =>
  format === "auto" ? process.stderr.isTTY === true : format === "pretty";

/** What open calls get to end once the service behind them has finished, in milliseconds. */
const closingMs = 1000;

/** What is served with gRPC, how, and how it ends. */
export interface GrpcPart extends Omit<GrpcServerOptions, "credentials"> {
  readonly security: Security;
  /** The flag that sets the address; default `--listen`. */
  readonly flag?: string;
  /** Lets what is open finish for up to `graceMs`, and ends what would last for ever, such as relays and watches. */
  readonly finish: (graceMs: number) => Promise<void>;
}

/**
 * Serves with gRPC until the process ends; resolves to the address. What keeps it from listening is told as a fault
 * with what to do.
 */
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

/** Says on standard output that a service is up, in a line that other programs can wait for. */
export function announce(name: string, text: string): void {
  process.stdout.write(`cxmpute ${name}: ${text}\n`);
}
