import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Channel } from "../../core/streams/channel.ts";
import { markOfRun } from "./run/reaper.ts";
import { type Turns, turnsQuestion, turnsSoFarQuestion } from "./turns.ts";

/** The root of the checkout. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** What Node has compiled before, as under npm scripts: starting a program takes half as long. */
const compileCache = fileURLToPath(new URL("../../.cache/compiled", import.meta.url));

/** One line of a program's JSON log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly time: string };

/** A program that a test runs: what it prints, what it logs, and how it ends. */
export interface Program {
  readonly child: ChildProcess;
  /** Everything on standard output so far. */
  stdout(): string;
  /** Everything on standard error so far. */
  stderr(): string;
  /** The first line of standard output that matches, past or future. Rejects when the program ends before. */
  output(pattern: RegExp): Promise<RegExpExecArray>;
  /** The first line of the log that the predicate accepts, past or future. Rejects when the program ends before. */
  logged(predicate: (line: LogLine) => boolean): Promise<LogLine>;
  /** Everything in the log so far. */
  entries(): readonly LogLine[];
  /** Resolves with how it ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /**
   * What its event loop did since the last call. Resolves once the loop is free; rejects when the program was not
   * started with `recordTurns`, or has ended.
   */
  takeTurns(): Promise<Turns>;
  /** The same, and the recording goes on. */
  seeTurns(): Promise<Turns>;
}

/** What a test wants of a program besides its output. */
export interface ProgramOptions {
  /** Whether `takeTurns` works. */
  readonly recordTurns?: boolean;
}

const recorder = fileURLToPath(new URL("run/record-turns.ts", import.meta.url));

/**
 * Runs a program with the Node that runs the test, in a network namespace where one is named. Nothing of the
 * surrounding environment but PATH, HOME and the mark of the run crosses.
 */
export function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  namespace?: string,
  { recordTurns = false }: ProgramOptions = {},
): Program {
  const [command, ...words] = [
    ...(namespace === undefined ? [] : ["ip", "netns", "exec", namespace]),
    process.execPath,
    ...(recordTurns ? ["--import", recorder] : []),
    ...args,
  ] as [string, ...string[]];
  const child = spawn(command, words, {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_COMPILE_CACHE: compileCache,
      ...markOfRun(),
      ...env,
    },
    stdio: recordTurns ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"],
  });
  endWithTests(child);
  const output = collect(child.stdout!);
  const errors = collect(child.stderr!);
  const ended = once(child, "close").then(([code, signal]) => {
    output.close();
    errors.close();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const missing = (what: string) =>
    new Error(`${args.join(" ")} ended without ${what}; it said:\n${output.text()}\n${errors.text()}`);
  const askTurns = async (question: string): Promise<Turns> => {
    if (!child.connected) throw missing("reporting its turns, or was not asked to record them");
    const answer = once(child, "message");
    child.send(question);
    const ending = ended.then(() => Promise.reject(missing("reporting its turns")));
    const [message] = (await Promise.race([answer, ending])) as [{ turns: Turns }];
    return message.turns;
  };
  return {
    child,
    stdout: output.text,
    stderr: errors.text,
    async output(pattern) {
      for await (const line of output.follow()) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      throw missing(`printing ${pattern}`);
    },
    async logged(predicate) {
      for await (const line of errors.follow()) {
        const entry = parseLogLine(line);
        if (entry !== undefined && predicate(entry)) return entry;
      }
      throw missing(`logging what was waited for (${predicate})`);
    },
    entries: () => errors.lines().flatMap((line) => parseLogLine(line) ?? []),
    ended,
    stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return ended;
    },
    takeTurns: () => askTurns(turnsQuestion),
    seeTurns: () => askTurns(turnsSoFarQuestion),
  };
}

/** Programs that this process has started and that have not ended. */
const running = new Set<ChildProcess>();

/** Has a program ended behind the tests of this file, if it has not ended by then. */
export function endWithTests(child: ChildProcess): void {
  running.add(child);
  child.once("close", () => running.delete(child));
}

/** Kills them, and resolves once they are gone. */
export async function endPrograms(): Promise<void> {
  await Promise.all(
    Array.from(running, (child) => {
      const ended = once(child, "close");
      child.kill("SIGKILL");
      return ended;
    }),
  );
}

/** Runs `cxmpute` with JSON logs. */
export const cxmpute = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  namespace?: string,
  options?: ProgramOptions,
): Program => run(["services/main.ts", ...args], { CXMPUTE_LOG_FORMAT: "json", ...env }, namespace, options);

/** Keeps the lines of a stream; any number of readers follow it from its beginning. */
function collect(stream: NodeJS.ReadableStream) {
  const lines: string[] = [];
  const readers = new Set<Channel<string>>();
  let closed = false;
  createInterface({ input: stream }).on("line", (line) => {
    lines.push(line);
    for (const reader of readers) reader.push(line);
  });
  return {
    text: () => lines.join("\n"),
    lines: (): readonly string[] => lines,
    close() {
      closed = true;
      for (const reader of readers) reader.close();
    },
    follow() {
      const reader = new Channel<string>({
        capacity: Number.POSITIVE_INFINITY,
        onLeave: () => readers.delete(reader),
      });
      for (const line of lines) reader.push(line);
      if (closed) reader.close();
      else readers.add(reader);
      return reader;
    },
  };
}

function parseLogLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}
