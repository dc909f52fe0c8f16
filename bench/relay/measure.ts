import { setTimeout as delay } from "node:timers/promises";
import type { PeerName, Role, RunningPeer } from "../peers/contract.ts";
import { cpuMicros } from "../processes/cpu.ts";
import type { Profiling } from "../profile/profiling.ts";
import type { LoadClient } from "./client/load-client.ts";
import type { Load, LoadReport } from "./client/protocol.ts";
import type { Options } from "./options.ts";
import { modelOf, shortConnections, shortTokens, type Workload } from "./workload.ts";

/** How long short requests are made before and while they are measured. */
const shortWarmUpMs = 1000;
const shortMs = 3000;
/** Tokens of each stream before the measurement, on the same connections. */
const warmUpTokens = 20;
/** What may still be under way when the last byte is in ends before the next cell begins. */
const settleMs = 300;

/** One peer under one workload, once. */
export interface Measurement {
  readonly peer: PeerName;
  readonly workload: Workload;
  readonly round: number;
  /** Streams, or connections of short requests. */
  readonly connections: number;
  /** What CPU time is divided by: tokens received of exact streams, or exact answers to short requests. */
  readonly units: number;
  /** Units per second of wall time. */
  readonly rate: number;
  /** CPU microseconds per unit of all counted roles together. */
  readonly cost: number;
  /** CPU microseconds per unit of each role. */
  readonly roleCosts: Readonly<Record<string, number>>;
  /** CPU microseconds per unit of the load client. */
  readonly clientCost: number;
  /**
   * Cores that all of it kept busy, client and source of tokens included; less than the machine has where other
   * work took its share, or where something waited.
   */
  readonly cores: number;
  /** SSE events that carried text, per unit; below 1 where tokens were merged. */
  readonly eventsPerUnit: number;
  /** Reads from the client's sockets per unit; below 1 where somebody fell behind and tokens came together. */
  readonly readsPerUnit: number;
  /** Bytes that the client received per unit. */
  readonly bytesPerUnit: number;
  /** Requests that were not answered completely and exactly. */
  readonly failed: number;
  readonly firstFault?: string;
}

/** What a measurement needs. */
export interface Bench {
  readonly options: Options;
  readonly client: LoadClient;
  /** The server of tokens behind the peers. */
  readonly upstreamPid: number;
  readonly profiling: Profiling;
}

/** Warms one peer up under one workload, then measures it. Throws when it gave no exact answer at all. */
export async function measure(
  { options, client, upstreamPid, profiling }: Bench,
  peer: { readonly name: PeerName; readonly maxStreams: number; readonly running: RunningPeer },
  workload: Workload,
  round: number,
): Promise<Measurement> {
  const { target, roles } = peer.running;
  const connections = workload === "short" ? shortConnections : Math.min(options.streams, peer.maxStreams);
  const load = loadOf(workload, options);
  try {
    await client.connect(target, connections);
    await client.run(warmUpOf(load), async () => {});
    await delay(settleMs);
    const label = `${peer.name}-${workload}-${round}`;
    await profiling.start(roles);
    const read = () => readCpu(roles, client.pid, upstreamPid);
    const before = read();
    let after = before;
    const report = await client.run(load, async () => {
      after = read();
      await profiling.stop(label);
    });
    const used = after.map((micros, index) => micros - before[index]!);
    return { peer: peer.name, workload, round, connections, ...figures(roles, used, load, report) };
  } finally {
    await client.disconnect();
    await delay(settleMs);
  }
}

/** CPU time of each role, then of the load client, then of the server of tokens. */
function readCpu(roles: readonly Role[], clientPid: number, upstreamPid: number): number[] {
  return [...roles.map((role) => role.pids()), [clientPid], [upstreamPid]].map(cpuMicros);
}

function figures(roles: readonly Role[], used: readonly number[], load: Load, report: LoadReport) {
  const units = report.exact * (load.streamed ? load.tokens : 1);
  if (units === 0) throw new Error(`no answer was exact: ${report.firstFault}`);
  const counted = roles.reduce((sum, role, index) => sum + (role.counted ? used[index]! : 0), 0);
  return {
    units,
    rate: (units / report.wallMs) * 1000,
    cost: counted / units,
    roleCosts: Object.fromEntries(roles.map((role, index) => [role.name, used[index]! / units])),
    clientCost: used[roles.length]! / units,
    cores: used.reduce((sum, micros) => sum + micros, 0) / (1000 * report.wallMs),
    eventsPerUnit: report.events / units,
    readsPerUnit: report.reads / units,
    bytesPerUnit: report.bytes / units,
    failed: report.failed,
    ...(report.firstFault === undefined ? {} : { firstFault: report.firstFault }),
  };
}

function loadOf(workload: Workload, options: Options): Load {
  const model = modelOf[workload];
  if (workload === "short")
    return { model, streamed: false, tokens: shortTokens, durationMs: shortMs, limitMs: shortMs + 20_000 };
  const limitMs = 20_000 + 5 * options.tokens * options.intervalMs;
  return { model, streamed: true, tokens: options.tokens, durationMs: 0, limitMs };
}

const warmUpOf = (load: Load): Load =>
  load.streamed
    ? { ...load, tokens: Math.min(load.tokens, warmUpTokens) }
    : { ...load, durationMs: shortWarmUpMs };
