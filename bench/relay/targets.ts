import type { Measurement } from "./measure.ts";
import { ratio, type Spread, show, spread } from "./summary.ts";

/**
 * What a short request cost in the design's prototype, in CPU microseconds: router and translator together, and
 * nginx beside them. Their ratio carries over to a machine that is slower, or busier, than that one was.
 */
const prototypeMicros = { mesh: 100, nginx: 23 };

/** One line for each target that this run can judge: what was wanted, what was measured, and whether it holds. */
export function targets(measurements: readonly Measurement[]): string {
  const of = (peer: string, workload: string) =>
    measurements.filter((each) => each.peer === peer && each.workload === workload);
  const lines: string[] = [];
  for (const arrivals of ["aligned", "random"]) {
    const mesh = of("mesh", arrivals);
    const overNginx = ratio(mesh, of("nginx", arrivals));
    if (overNginx !== undefined)
      lines.push(verdict(`streamed, ${arrivals}: mesh <= 1.3 x nginx`, overNginx, overNginx.median <= 1.3));
    const underPortkey = ratio(of("portkey", arrivals), mesh);
    if (underPortkey !== undefined)
      lines.push(
        verdict(`streamed, ${arrivals}: Portkey >= 4 x mesh`, underPortkey, underPortkey.median >= 4),
      );
  }
  const short = of("mesh", "short");
  if (short.length > 0) {
    const rate = spread(short.map((each) => each.rate));
    const cost = spread(short.map((each) => each.cost));
    lines.push(verdict("short: >= 8,000 requests/s", rate, rate.median >= 8000, 0));
    const most = 1.5 * prototypeMicros.mesh;
    lines.push(verdict(`short, or else: <= ${most} µs of CPU each`, cost, cost.median <= most, 0));
    const overNginx = ratio(short, of("nginx", "short"));
    const mostOverNginx = most / prototypeMicros.nginx;
    if (overNginx !== undefined) {
      const target = `short, or else: mesh <= ${mostOverNginx.toFixed(1)} x nginx`;
      lines.push(verdict(target, overNginx, overNginx.median <= mostOverNginx));
    }
  }
  return lines.length === 0 ? "" : `\nTargets\n\n${lines.join("")}`;
}

function verdict(target: string, measured: Spread, holds: boolean, digits = 2): string {
  return `  ${holds ? "holds " : "MISSED"}  ${target.padEnd(42)}  ${show(measured, digits)}\n`;
}
