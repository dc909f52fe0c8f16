import { writeFileSync } from "node:fs";
import type { Peer, PeerName } from "../peers/contract.ts";
import { peers } from "../peers/index.ts";
import { startScript } from "../processes/child.ts";
import { raisePriority } from "../processes/priority.ts";
import { createProfiling, noProfiling } from "../profile/profiling.ts";
import { startLoadClient } from "./client/load-client.ts";
import type { Entrant } from "./entrant.ts";
import { type Bench, type Measurement, measure } from "./measure.ts";
import { type Options, parseOptions } from "./options.ts";
import { report } from "./report.ts";

export { usage } from "./options.ts";

/**
 * Measures what a streamed token and a short request cost on every path, in one run, and prints tables with
 * ratios and targets. Returns the exit code: 1 when the mesh failed to answer something exactly.
 */
export async function relay(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const priority = raisePriority() ? "raised priority" : "normal priority";
  const upstream = startScript<never, { port: number }>(new URL("./upstream/server.ts", import.meta.url), [
    String(options.intervalMs),
  ]);
  const client = startLoadClient();
  const profiling = createProfiling(print);
  const entrants: Entrant[] = [];
  try {
    const { port } = await upstream.next(10_000);
    for (const peer of peers.filter(({ name }) => options.peers.includes(name)))
      entrants.push(await enter(peer, port, options));
    const measurements = await rounds({ options, client, upstreamPid: upstream.pid, profiling }, entrants);
    print(report(options, priority, entrants, measurements));
    if (options.json !== undefined) writeJson(options, entrants, measurements);
    const fault = entrants.some((entrant) => isOurs(entrant.peer.name) && "absent" in entrant);
    return fault || measurements.some(({ peer, failed }) => isOurs(peer) && failed > 0) ? 1 : 0;
  } finally {
    profiling.close();
    await Promise.all(entrants.map((entrant) => "running" in entrant && entrant.running.stop()));
    await Promise.all([client.stop(), upstream.stop()]);
  }
}

async function enter(peer: Peer, upstreamPort: number, options: Options): Promise<Entrant> {
  progress(`starting ${peer.name}`);
  const { intervalMs, streams, profile } = options;
  try {
    return { peer, running: await peer.start({ upstreamPort, intervalMs, streams, inspect: profile }) };
  } catch (error) {
    return { peer, absent: messageOf(error) };
  }
}

/**
 * Every workload of every peer in every round; peers take turns, so that what disturbs one disturbs all. Before
 * the first round comes one for practice, which counts for nothing: it takes V8 some ten thousand requests to
 * compile everything that runs hot. A peer that fails altogether is out, and the others go on.
 */
async function rounds(bench: Bench, entrants: Entrant[]): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const practice = { ...bench, profiling: noProfiling };
  for (let round = 0; round <= bench.options.rounds; round++)
    for (const workload of bench.options.workloads)
      for (const [index, entrant] of entrants.entries()) {
        if ("absent" in entrant) continue;
        const { peer, running } = entrant;
        const name = round === 0 ? "practice" : `round ${round} of ${bench.options.rounds}`;
        progress(`${name}, ${workload}: ${peer.name}`);
        try {
          const measured = await measure(
            round === 0 ? practice : bench,
            { ...peer, running },
            workload,
            round,
          );
          if (round > 0) measurements.push(measured);
        } catch (error) {
          entrants[index] = { peer, absent: `it failed in ${name}, ${workload}: ${messageOf(error)}` };
          await running.stop();
        }
      }
  return measurements;
}

function writeJson(
  options: Options,
  entrants: readonly Entrant[],
  measurements: readonly Measurement[],
): void {
  const absent = entrants.flatMap((entrant) =>
    "absent" in entrant ? [{ peer: entrant.peer.name, reason: entrant.absent }] : [],
  );
  writeFileSync(options.json!, `${JSON.stringify({ options, absent, measurements }, null, 2)}\n`);
}

const isOurs = (peer: PeerName): boolean => peer === "mesh" || peer === "mesh-tls";
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const print = (text: string): void => void process.stdout.write(text);
const progress = (text: string): void => void process.stderr.write(`${text}\n`);
