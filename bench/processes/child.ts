import { type ChildProcess, fork, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { processTree } from "./cpu.ts";
import { until } from "./until.ts";

/** How long a process may take to end on SIGTERM before it is killed. */
const graceMs = 5000;
/** How much of the end of a process's output is read for messages. */
const outputTailBytes = 8192;

/** A process that the benchmark started and will end. */
export interface Child {
  readonly pid: number;
  /** True until it has ended. */
  readonly alive: boolean;
  /** The end of what it has written to stdout and stderr. */
  output(): string;
  /** The line of it that most likely says why it ended. */
  lastWords(): string;
  /** Resolves with the first match of `pattern` in its output; rejects when it ends first or time runs out. */
  says(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray>;
  /** Asks it to end, kills it when it does not, and resolves once it is gone. */
  stop(): Promise<void>;
}

/** A script of ours in its own process, with a channel for messages. */
export interface ScriptChild<ToChild extends object, FromChild> extends Child {
  send(message: ToChild): void;
  /** Resolves with its next message; rejects when it ends first or time runs out. */
  next(timeoutMs: number): Promise<FromChild>;
}

/** How to start a program. */
export interface Command {
  /** Absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  /** Its whole environment: nothing is inherited, so that settings of the caller's shell change no figure. */
  readonly environment?: Readonly<Record<string, string>>;
}

const living = new Set<ChildProcess>();

/** Starts a program. */
export function startChild({ program, args, environment = {} }: Command): Child {
  const log = openLog();
  return follow(spawn(program, args, { stdio: ["ignore", log, log], env: environment }), program, log);
}

/** Starts a TypeScript file of this folder; it ends by itself when this process goes away. */
export function startScript<ToChild extends object, FromChild>(
  file: URL,
  args: readonly string[] = [],
): ScriptChild<ToChild, FromChild> {
  const log = openLog();
  const process = fork(file, args, { stdio: ["ignore", log, log, "ipc"], env: {} });
  const messages: FromChild[] = [];
  process.on("message", (message) => messages.push(message as FromChild));
  const child = follow(process, file.pathname, log);
  return {
    ...child,
    get alive() {
      return child.alive;
    },
    send: (message) => void process.send(message),
    next: async (timeoutMs) => {
      if (messages.length === 0) await oneMessage(process, child, timeoutMs);
      return messages.shift() as FromChild;
    },
  };
}

/** Kills whatever still runs, workers included; for the last moment of this process. */
export function killAll(): void {
  for (const { pid } of living) if (pid !== undefined) for (const each of processTree(pid)) kill(each);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended between the look and the kill.
  }
}

function follow(process: ChildProcess, name: string, log: number): Child {
  const gone = new Promise<void>((resolve) => {
    process.once("exit", () => resolve());
    process.once("error", () => resolve());
  });
  const { pid } = process;
  if (pid === undefined) throw new Error(`${name} could not be started.`);
  living.add(process);
  void gone.then(() => living.delete(process));
  const alive = () => process.exitCode === null && process.signalCode === null;
  const output = () => readTail(log);
  return {
    pid,
    get alive() {
      return alive();
    },
    output,
    lastWords: () => lastWords(output()),
    async says(pattern, timeoutMs) {
      const said = async () => {
        if (!alive()) throw ended(pid, lastWords(output()));
        return pattern.test(output());
      };
      await until(said, timeoutMs, () => `Process ${pid} did not say ${pattern}: ${lastWords(output())}`);
      return pattern.exec(output())!;
    },
    async stop() {
      if (alive()) {
        process.kill("SIGTERM");
        const timer = setTimeout(() => process.kill("SIGKILL"), graceMs);
        await gone;
        clearTimeout(timer);
      }
      closeSync(log);
    },
  };
}

/** Resolves with the arrival of a message. No polling here: this ends what is being timed. */
function oneMessage(process: ChildProcess, child: Child, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer);
      process.removeListener("message", onMessage);
      process.removeListener("exit", onExit);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onMessage = () => settle();
    const onExit = () => settle(ended(child.pid, child.lastWords()));
    const onTimeout = () => settle(new Error(`Process ${child.pid} was silent for ${timeoutMs} ms.`));
    const timer = setTimeout(onTimeout, timeoutMs);
    process.once("message", onMessage);
    process.once("exit", onExit);
    if (!child.alive) onExit();
  });
}

const ended = (pid: number, words: string): Error => new Error(`Process ${pid} ended early: ${words}`);

function lastWords(output: string): string {
  const lines = output.trim().split("\n");
  return (lines.find((line) => /error|cannot|in use/i.test(line)) ?? lines.at(-1) ?? "").slice(0, 300);
}

/**
 * A file for a process's output that is gone with the last process that has it open. A file, not a pipe: logs
 * are then as cheap to write as they are in earnest, and this process need not read them while it measures.
 */
function openLog(): number {
  const path = `${tmpdir()}/cxmpute-bench-${process.pid}-${living.size}.log`;
  const log = openSync(path, "ax+");
  unlinkSync(path);
  return log;
}

function readTail(log: number): string {
  const { size } = fstatSync(log);
  const tail = Buffer.alloc(Math.min(size, outputTailBytes));
  readSync(log, tail, 0, tail.length, size - tail.length);
  return tail.toString("utf8");
}
