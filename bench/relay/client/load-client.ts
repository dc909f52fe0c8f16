import type { Target } from "../../peers/contract.ts";
import { startScript } from "../../processes/child.ts";
import type { Load, LoadReport, Reply, Task } from "./protocol.ts";

/** Longest time for what is not itself a measurement: opening connections, checking answers. */
const patienceMs = 60_000;

/** The load client's process, seen from the benchmark. */
export interface LoadClient {
  readonly pid: number;
  connect(target: Target, connections: number): Promise<void>;
  /** Makes the load's requests; calls `onLastByte` at the moment the last answer is in, then verifies all. */
  run(load: Load, onLastByte: () => Promise<void>): Promise<LoadReport>;
  disconnect(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one. */
export function startLoadClient(): LoadClient {
  const child = startScript<Task, Reply>(new URL("./main.ts", import.meta.url));

  async function expected<K extends Reply["kind"]>(kind: K, timeoutMs = patienceMs) {
    const reply = await child.next(timeoutMs);
    if (reply.kind === "failed") throw new Error(`The load client failed: ${reply.message}`);
    if (reply.kind !== kind) throw new Error(`The load client said ${reply.kind} in place of ${kind}.`);
    return reply as Extract<Reply, { kind: K }>;
  }

  return {
    pid: child.pid,
    async connect(target, connections) {
      child.send({ kind: "connect", target, connections });
      await expected("connected");
    },
    async run(load, onLastByte) {
      child.send({ kind: "run", load });
      await expected("finished", load.limitMs + patienceMs);
      await onLastByte();
      return (await expected("report")).report;
    },
    async disconnect() {
      child.send({ kind: "disconnect" });
      await expected("disconnected");
    },
    stop: () => child.stop(),
  };
}
