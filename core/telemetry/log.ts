import { createRequire } from "node:module";
import { type DestinationStream, type Logger, pino } from "pino";
import { describeError, type ErrorRecord } from "./describe-error.ts";
import { redact } from "./redact.ts";
import { StandardError } from "./standard-error.ts";

/** Never log a prompt, an answer or a message's content. */
export type Log = Logger;

/** Each level includes those before it. */
export const logLevels = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof logLevels)[number];

/** How to make a log. */
export interface LogOptions {
  readonly service: string;
  readonly level?: LogLevel;
  /** One readable line for people instead of JSON; default: when stderr is a terminal. */
  readonly pretty?: boolean;
  /** Takes each finished line, newline included; default: standard error. */
  readonly write?: (line: string) => void;
}

/** Makes a log of JSON lines on standard error; standard output is for a command's result. Secrets are masked. */
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
export const flushLogs = (): void => standardError.flush();

/** Shared by all logs of the process. */
const standardError = new StandardError();

function toDestination(pretty: boolean, write: LogOptions["write"]): DestinationStream {
  const sink = write === undefined ? standardError : { write };
  if (!pretty) return sink;
  const toReadableLine = createReadableLines();
  return { write: (line: string) => sink.write(toReadableLine(line)) };
}

/** Formats JSON lines for people; only the stack of a bug takes more than one. The formatter is loaded on demand. */
function createReadableLines(): (line: string) => string {
  const { prettyFactory }: typeof import("pino-pretty") = createRequire(import.meta.url)("pino-pretty");
  return prettyFactory({
    colorize: process.stderr.hasColors?.() === true,
    translateTime: "SYS:HH:MM:ss.l",
    hideObject: true,
    messageFormat: (record, messageKey) =>
      [
        `${record.service}: ${record[messageKey] ?? ""}`,
        ...toFields(record, messageKey),
        ...toErrorText(record.err as ErrorRecord | undefined),
      ].join(" "),
  });
}

const shownElsewhere = new Set(["level", "time", "service", "err"]);

function toFields(record: Record<string, unknown>, messageKey: string): string[] {
  return Object.entries(record)
    .filter(([name]) => name !== messageKey && !shownElsewhere.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
}

/** Errors thrown on purpose need only their message; bugs need their stacks. */
function toErrorText(error: ErrorRecord | undefined): string[] {
  if (error === undefined) return [];
  if (error.kind !== undefined && error.kind !== "internal") return [`(${error.message.trim()})`];
  return [toStacks(error)];
}

function toStacks({ stack, message, cause }: ErrorRecord, lead = ""): string {
  const below = cause === undefined ? "" : toStacks(cause, "caused by ");
  return `\n  ${lead}${(stack ?? message).replaceAll("\n", "\n  ")}${below}`;
}
