import { type DestinationStream, type Logger, pino } from "pino";
import { describeError } from "./describe-error.ts";
import { createReadableLines } from "./pretty.ts";
import { redact } from "./redact.ts";

/** Where a part of the mesh tells what happens. Never pass it a prompt, an answer or a message's content. */
export type Log = Logger;

/** How much is told: each level includes those before it in this list. */
export const logLevels = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof logLevels)[number];

/** How a log is made. */
export interface LogOptions {
  /** Which part of the mesh speaks; on every line. */
  readonly service: string;
  /** Default `info`. */
  readonly level?: LogLevel;
  /** One readable line for people instead of JSON; default: when stderr is a terminal. */
  readonly pretty?: boolean;
  /** Takes each finished line, newline included; default: standard error. */
  readonly write?: (line: string) => void;
}

/**
 * Makes a log. One JSON object a line, on standard error, so that standard output stays for what was asked for.
 * Secrets are masked whatever field they are in (`redact.ts`).
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

/** The time as a field of a line, in ISO 8601; made once for each millisecond, because making it costs 4 µs. */
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

/** Says nothing; for tests and for parts that are run without a log. */
export const silentLog: Log = pino({ level: "silent" });

/** Waits for nothing: hands what is still buffered to the system, before a process ends. */
export function flushLogs(): void {
  try {
    standardError?.flushSync();
  } catch {
    // The reader of standard error is gone; nobody is left to tell.
  }
}

/**
 * Standard error, shared by all logs of the process. Lines are collected while a write is under way, which keeps
 * logging off the path of the generations, and are flushed when the process exits.
 */
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
