// The load client, in its own process, so that its CPU time is not a peer's; told what to do by its parent.

import type { Target } from "../../peers/contract.ts";
import { Connection, requestText } from "./connection.ts";
import type { Load, LoadReport, Reply, Task } from "./protocol.ts";
import { verifyStream, verifyWhole } from "./verify.ts";

/** Connections opened at the same time; more would overflow the accept queue of a plain server. */
const connectBatch = 100;

/** What came for one request; undefined when the connection closed instead. */
interface Received {
  readonly stream: number;
  readonly bytes: Buffer | undefined;
}

let target: Target = { port: 0, headers: {} };
let connections: Connection[] = [];

process.on("message", (task: Task) => {
  perform(task).catch((error: unknown) => reply({ kind: "failed", message: String(error) }));
});
process.on("disconnect", () => process.exit());

async function perform(task: Task): Promise<void> {
  if (task.kind === "connect") {
    target = task.target;
    for (let left = task.connections; left > 0; left -= connectBatch) {
      const batch = Array.from({ length: Math.min(left, connectBatch) }, () => Connection.open(target.port));
      connections.push(...(await Promise.all(batch)));
    }
    reply({ kind: "connected" });
  } else if (task.kind === "disconnect") {
    for (const connection of connections) connection.close();
    connections = [];
    reply({ kind: "disconnected" });
  } else {
    reply({ kind: "report", report: await run(task.load) });
  }
}

async function run(load: Load): Promise<LoadReport> {
  const received: Received[] = [];
  const readsBefore = readsOf(connections);
  const started = performance.now();
  const limit = setTimeout(() => {
    for (const connection of connections) connection.close();
  }, load.limitMs);
  await Promise.all(connections.map((connection, index) => keepAsking(connection, index, load, received)));
  clearTimeout(limit);
  const wallMs = performance.now() - started;
  reply({ kind: "finished" });
  return { ...verify(load, received), reads: readsOf(connections) - readsBefore, wallMs };
}

const readsOf = (all: readonly Connection[]): number => all.reduce((sum, { reads }) => sum + reads, 0);

/** One request after another on one connection, until time is up or the connection is gone. */
async function keepAsking(
  connection: Connection,
  index: number,
  load: Load,
  received: Received[],
): Promise<void> {
  const end = performance.now() + load.durationMs;
  for (let stream = index; ; stream += connections.length) {
    const bytes = await connection.ask(requestText(target, load, stream));
    received.push({ stream, bytes });
    if (bytes === undefined || performance.now() >= end) return;
  }
}

function verify(load: Load, received: readonly Received[]): Omit<LoadReport, "reads" | "wallMs"> {
  const check = load.streamed ? verifyStream : verifyWhole;
  const faults: string[] = [];
  let events = 0;
  let bytes = 0;
  for (const { stream, bytes: raw } of received) {
    try {
      if (raw === undefined) throw new Error("no complete answer");
      bytes += raw.length;
      events += check(raw, stream, load.tokens).events;
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  const [firstFault] = faults;
  const counts = { exact: received.length - faults.length, failed: faults.length, events, bytes };
  return firstFault === undefined ? counts : { ...counts, firstFault };
}

function reply(message: Reply): void {
  process.send?.(message);
}
