import { availableParallelism } from "node:os";
import type { PeerName } from "../peers/contract.ts";
import type { Entrant } from "./entrant.ts";
import type { Measurement } from "./measure.ts";
import type { Options } from "./options.ts";
import { ratio, show, spread } from "./summary.ts";
import { alignColumns } from "./table.ts";
import { targets } from "./targets.ts";
import { tlsCost } from "./tls-cost.ts";
import { shortConnections, shortTokens, type Workload } from "./workload.ts";

/** The whole report of one run. */
export function report(
  options: Options,
  priority: string,
  entrants: readonly Entrant[],
  measurements: readonly Measurement[],
): string {
  const machine = `${availableParallelism()} shared cores, ${priority}, Node ${process.versions.node}`;
  const tables = options.workloads.map((workload) => table(options, workload, entrants, measurements));
  return `\nrelay benchmark: ${machine}, rounds: ${options.rounds}, median (min–max)\n${tables.join("")}${tlsCost(options.workloads, measurements)}${targets(measurements)}`;
}

function table(
  options: Options,
  workload: Workload,
  entrants: readonly Entrant[],
  measurements: readonly Measurement[],
): string {
  const ofWorkload = measurements.filter((measurement) => measurement.workload === workload);
  const rows = entrants.flatMap(({ peer, ...rest }) =>
    "absent" in rest
      ? [[peer.title, `not measured: ${rest.absent}`]]
      : peerRows(peer.name, peer.title, ofWorkload, options),
  );
  const unit = workload === "short" ? "request" : "token";
  const head = [`CPU µs per ${unit}`, "median (min–max)", `${unit}s/s`, "cores used", "x nginx", "client µs"];
  if (workload !== "short") head.push("events/token", "reads/token", "bytes/token");
  return `\n${titleOf(workload, options)}\n\n${alignColumns([head, ...rows])}`;
}

function titleOf(workload: Workload, { streams, tokens, intervalMs }: Options): string {
  if (workload === "short")
    return `Short requests, not streamed: ${shortTokens} tokens, ${shortConnections} connections`;
  const arrivals = workload === "aligned" ? "all in the same tick" : "each stream at times of its own";
  return `Streamed: ${streams} streams x ${tokens} tokens, one every ${intervalMs} ms, ${arrivals}`;
}

/** The peer's own row, then one for each of its roles where there are several. */
function peerRows(
  name: PeerName,
  title: string,
  measurements: readonly Measurement[],
  options: Options,
): string[][] {
  const own = measurements.filter(({ peer }) => peer === name);
  const first = own[0]!;
  const streamed = first.workload !== "short";
  const roles = Object.keys(first.roleCosts);
  const fewer = streamed && first.connections < options.streams ? `, ${first.connections} streams` : "";
  const row = [
    title + fewer,
    show(spread(own.map(({ cost }) => cost))),
    Math.round(spread(own.map(({ rate }) => rate)).median).toLocaleString("en"),
    spread(own.map(({ cores }) => cores)).median.toFixed(1),
    show(
      ratio(
        own,
        measurements.filter(({ peer }) => peer === "nginx"),
      ),
      2,
    ),
    spread(own.map(({ clientCost }) => clientCost)).median.toFixed(1),
  ];
  if (streamed)
    row.push(
      spread(own.map(({ eventsPerUnit }) => eventsPerUnit)).median.toFixed(2),
      spread(own.map(({ readsPerUnit }) => readsPerUnit)).median.toFixed(2),
      spread(own.map(({ bytesPerUnit }) => bytesPerUnit)).median.toFixed(0),
    );
  const roleRows = roles.map((role) => [
    `  ${role}${role === "node" ? " (apart)" : ""}`,
    show(spread(own.map(({ roleCosts }) => roleCosts[role]!))),
  ]);
  return [row, ...(roles.length > 1 ? roleRows : []), ...faultRows(own)];
}

function faultRows(own: readonly Measurement[]): string[][] {
  const failed = own.reduce((sum, measurement) => sum + measurement.failed, 0);
  const fault = own.find(({ firstFault }) => firstFault !== undefined)?.firstFault;
  return failed === 0 ? [] : [[`  ${failed} ANSWERS WERE NOT EXACT`, fault ?? ""]];
}
