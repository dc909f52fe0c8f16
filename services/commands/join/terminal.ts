import { createInterface } from "node:readline/promises";
import { StatusLine } from "./status-line.ts";

/** The person in front of the node, if there is one. */
export interface Terminal {
  /** Absent where standard error is no terminal, or programs read the log. */
  readonly line: StatusLine | undefined;
  /** Says something on standard output, above the status line. */
  say(text: string): void;
  /** Takes a line of the log; absent: it goes where it always goes. */
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

/** Asks a question whose answer is yes unless somebody says no; yes as well when nobody can be asked. */
export async function isAgreed(question: string, signal: AbortSignal): Promise<boolean> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // The line editor takes Ctrl-C for itself; it is meant for the program.
  terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    return !/^\s*n/i.test(await terminal.question(`${question} [Y/n] `, { signal }));
  } finally {
    terminal.close();
  }
}
