import { createRequire } from "node:module";
import type { ErrorRecord } from "./describe-error.ts";

/**
 * Formats JSON log lines for people: time, level, service, message, and the other fields as `name=value`. Only the stack
 * of a bug takes further lines. The formatter is loaded on demand: a service that logs JSON does not need it.
 */
export function createReadableLines(): (line: string) => string {
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
