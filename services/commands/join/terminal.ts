import { createInterface } from "node:readline/promises";
import { nothingOffered, onlySilent } from "./hints.ts";
import { StatusLine } from "./status-line.ts";

export interface Terminal {
  /** Absent when standard error is no terminal, or the log is JSON. */
  readonly line: StatusLine | undefined;
  /** Prints to standard output, above the status line. */
  say(text: string): void;
  /** Takes a line of the log; absent: the default. */
  readonly writeLog: ((line: string) => void) | undefined;
}

/** Opens the terminal of this process. */
export function openTerminal(options: { readonly pretty: boolean }): Terminal {
  const { stderr, stdout } = process;
  const line = stderr.isTTY === true && options.pretty ? new StatusLine(stderr) : undefined;
  return {
    line,
    say: (text) => (line === undefined ? stdout.write(text) : line.above(() => stdout.write(text))),
    writeLog: line === undefined ? undefined : (text) => line.above(() => stderr.write(text)),
  };
}

/**
 * Asks whether to offer the starter model; throws a fault when not. `silent` are the URLs of listeners that do not answer.
 * Without a terminal, the starter model stands in when no engine is there, never for a silent one.
 */
export async function agreeToStarter(silent: readonly string[], signal: AbortSignal): Promise<void> {
  const isNoneThere = silent.length === 0;
  const found = isNoneThere
    ? "No engine was found on this machine."
    : `No engine answers; something listens at ${silent.join(", ")}.`;
  const question = `${found} Offer the starter model, which is very small, to try the mesh?`;
  if (!(await isAgreed(question, isNoneThere, signal)))
    throw isNoneThere ? nothingOffered() : onlySilent(silent);
}

/** Asks a question; `byDefault` is the answer of a bare Enter, and without a terminal. */
async function isAgreed(question: string, byDefault: boolean, signal: AbortSignal): Promise<boolean> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return byDefault;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // The line editor takes Ctrl-C, which is meant for the program.
  terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    const answer = await terminal.question(`${question} [${byDefault ? "Y/n" : "y/N"}] `, { signal });
    return byDefault ? !/^\s*n/i.test(answer) : /^\s*y/i.test(answer);
  } finally {
    terminal.close();
  }
}
