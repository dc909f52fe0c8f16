import prettyPrinter from "pino-pretty";

/**
 * A JSON log line as people read it: time, level, who speaks, what happened, then the remaining fields as
 * `name=value` on the same line. Only an error's stack takes lines of its own.
 */
export const toReadableLine: (line: string) => string = prettyPrinter.prettyFactory({
  colorize: process.stderr.hasColors?.() === true,
  translateTime: "SYS:HH:MM:ss.l",
  hideObject: true,
  messageFormat: (record, messageKey) =>
    [`${record.service}: ${record[messageKey] ?? ""}`, ...toFields(record, messageKey), toStack(record.err)]
      .filter((part) => part !== "")
      .join(" "),
});

const shownElsewhere = new Set(["level", "time", "service", "err"]);

function toFields(record: Record<string, unknown>, messageKey: string): string[] {
  return Object.entries(record)
    .filter(([name]) => name !== messageKey && !shownElsewhere.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
}

function toStack(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { message, stack, cause } = error as { message?: string; stack?: string; cause?: unknown };
  const below = cause === undefined ? "" : `\n  caused by ${toStack(cause)}`;
  return `${stack ?? message ?? ""}${below}`.replace(/^(?!$)/, "\n  ").replaceAll("\n    at ", "\n      at ");
}
