import { type DestinationStream, type Logger, pino } from "pino";
import { describeError } from "./describe-error.ts";
import { createReadableLines } from "./pretty.ts";
import { redact } from "./redact.ts";

/** Never log a prompt, an answer or a message's content. */
export type Log = Logger;

/** Each level includes those before it. */
export const logLevels = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof logLevels)[number];

/** How to make a log. */
export interface LogOptions {
  /** The service, on every line. */
  readonly service: string;
  /** Default `info`. */
  readonly level?: LogLevel;
  /** One readable line for people instead of JSON; default: when stderr is a terminal. */
  readonly pretty?: boolean;
  /** Takes each finished line, newline included; default: standard error. */
  readonly write?: (line: string) => void;
}

/**
 * Makes a log of JSON lines on standard error, which leaves standard output to a command's result. Secrets are masked in
 * any field (`redact.ts`).
 */
export function createLog(options: LogOptions): Log {
  return pino(
    {
      level: options.level ?? "info",
      base: { service: options.service },
      timestamp: isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      hooks: { streamWrite: redact },
    },
    toDestination(options.pretty ?? process.stderr.isTTY === true, options.write),
  );
}

/** The time as a JSON field in ISO 8601, cached for a millisecond because it costs 4 µs. */
function isoTime(): string {
  const now = Date.now();
  if (now !== lastTime) {
    lastTime = now;
    lastTimeField = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastTimeField;
}

let lastTime = 0;
let lastTimeField = "";

/** Logs nothing. */
export const silentLog: Log = pino({ level: "silent" });

/** Writes what is still buffered, before a process exits. */
export function flushLogs(): void {
  try {
    standardError?.flushSync();
  } catch {
    // The reader of standard error is gone.
  }
}

/** Standard error, shared by all logs of the process. Writes are asynchronous, so that logging delays no generation. */
let standardError: ReturnType<typeof pino.destination> | undefined;

function toDestination(pretty: boolean, write: LogOptions["write"]): DestinationStream {
  const sink = write === undefined ? openStandardError() : { write };
  if (!pretty) return sink;
  const toReadableLine = createReadableLines();
  return { write: (line: string) => sink.write(toReadableLine(line)) };
}

function openStandardError(): DestinationStream {
  if (standardError === undefined) {
    standardError = pino.destination({ fd: 2, sync: false });
    standardError.on("error", () => {
      // A closed terminal or pipe must not end the mesh.
    });
  }
  return standardError;
}
