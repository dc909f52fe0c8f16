import type { Measurement } from "./measure.ts";
import { ratio, show, spread } from "./summary.ts";
import { alignColumns } from "./table.ts";
import type { Workload } from "./workload.ts";

/** What TLS between the processes of a mesh costs: the mesh with it over the mesh in plain text, round by round. */
export function tlsCost(workloads: readonly Workload[], measurements: readonly Measurement[]): string {
  const rows = workloads.flatMap((workload) => toRows(workload, measurements));
  if (rows.length === 0) return "";
  const head = ["CPU µs per token or request", "plain", "TLS", "TLS x plain", "added"];
  return `\nTLS between the processes of the mesh\n\n${alignColumns([head, ...rows])}`;
}

/** One for router and translator together, then one for each role. */
function toRows(workload: Workload, measurements: readonly Measurement[]): string[][] {
  const of = (name: string) =>
    measurements.filter((each) => each.peer === name && each.workload === workload);
  const [plain, tls] = [of("mesh"), of("mesh-tls")];
  if (plain.length === 0 || tls.length === 0) return [];
  const row = (title: string, cost: (measurement: Measurement) => number): string[] => {
    const costs = [plain, tls].map((each) => each.map((one) => ({ round: one.round, cost: cost(one) })));
    const [before, after] = costs.map((each) => spread(each.map((one) => one.cost)));
    return [
      title,
      show(before),
      show(after),
      show(ratio(costs[1]!, costs[0]!), 2),
      (after!.median - before!.median).toFixed(1),
    ];
  };
  const roles = ["router", "translator", "node"] as const;
  return [
    row(workload, ({ cost }) => cost),
    ...roles.map((role) =>
      row(`  ${role}${role === "node" ? " (apart)" : ""}`, ({ roleCosts }) => roleCosts[role] ?? Number.NaN),
    ),
  ];
}
