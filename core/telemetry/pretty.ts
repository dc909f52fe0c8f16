import prettyPrinter from "pino-pretty";
import type { ErrorRecord } from "./describe-error.ts";

/**
 * A JSON log line as people read it: time, level, who speaks, what happened, then the remaining fields as
 * `name=value` on the same line. Only an error's stack takes lines of its own.
 */
export const toReadableLine: (line: string) => string = prettyPrinter.prettyFactory({
  colorize: process.stderr.hasColors?.() === true,
  translateTime: "SYS:HH:MM:ss.l",
  hideObject: true,
  messageFormat: (record, messageKey) =>
    [
      `${record.service}: ${record[messageKey] ?? ""}`,
      ...toFields(record, messageKey),
      ...toErrorLines(record.err as ErrorRecord | undefined),
    ].join(" "),
});

const shownElsewhere = new Set(["level", "time", "service", "err"]);

function toFields(record: Record<string, unknown>, messageKey: string): string[] {
  return Object.entries(record)
    .filter(([name]) => name !== messageKey && !shownElsewhere.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
}

function toErrorLines(error: ErrorRecord | undefined, lead = ""): string[] {
  if (error === undefined) return [];
  const text = (error.stack ?? error.message).replaceAll("\n", "\n  ");
  return [`\n  ${lead}${text}`, ...toErrorLines(error.cause, "caused by ")];
}
