import { parseArgs } from "node:util";
import { type PeerName, peerNames } from "../peers/contract.ts";
import { type Workload, workloads } from "./workload.ts";

/** What the command line asks for. */
export interface Options {
  readonly streams: number;
  readonly tokens: number;
  readonly intervalMs: number;
  readonly rounds: number;
  readonly peers: readonly PeerName[];
  readonly workloads: readonly Workload[];
  /** Roles of the mesh to profile; empty for none. */
  readonly profile: readonly string[];
  /** Where the figures go as JSON; undefined for nowhere. */
  readonly json: string | undefined;
}

/** How to call it. */
export const usage = `npm run bench -- relay [options]

CPU time per streamed token and per short request of the mesh's processes, beside nginx, a plain Node pipe and
Portkey's gateway, all on this machine and in one run.

  --streams N             concurrent streams (1000)
  --tokens N              tokens of each stream (100)
  --interval-ms N         milliseconds between the tokens of a stream (20)
  --arrivals WHICH        aligned, random or both (both)
  --rounds N              how often each cell is measured, peers taking turns (3; 1 with --profile)
  --only NAME,NAME        some of ${peerNames.join(", ")}
  --workloads NAME,NAME   some of ${workloads.join(", ")}, in place of --arrivals
  --tls                   the mesh with TLS between its processes beside the mesh in plain text, and the ratio;
                          nobody else unless --only says otherwise
  --profile ROLE,ROLE     profile router, translator or node of the mesh while it is measured, and print where
                          the time goes; measures the mesh alone unless --only says otherwise
  --json FILE             also write the figures there
`;

/** Reads the command line. Throws an Error that says what to do when it is wrong. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      streams: { type: "string", default: "1000" },
      tokens: { type: "string", default: "100" },
      "interval-ms": { type: "string", default: "20" },
      arrivals: { type: "string", default: "both" },
      rounds: { type: "string" },
      only: { type: "string" },
      workloads: { type: "string" },
      tls: { type: "boolean", default: false },
      profile: { type: "string" },
      json: { type: "string" },
    },
  });
  const profile = chosen("--profile", values.profile ?? "", ["router", "translator", "node", "registry"]);
  const arrivals = values.arrivals === "both" ? "aligned,random" : values.arrivals;
  return {
    streams: count("--streams", values.streams, 10_000),
    tokens: count("--tokens", values.tokens, 10_000),
    intervalMs: count("--interval-ms", values["interval-ms"], 1000),
    rounds: count("--rounds", values.rounds ?? (profile.length > 0 ? "1" : "3"), 100),
    peers: chosen("--only", values.only ?? defaultPeers(values.tls, profile.length > 0).join(), peerNames),
    workloads: chosen("--workloads", values.workloads ?? `${arrivals},short`, workloads),
    profile,
    json: values.json,
  };
}

/** Those that `--only` would name. The mesh with TLS is of interest beside the mesh alone. */
function defaultPeers(tls: boolean, profiling: boolean): readonly PeerName[] {
  if (tls) return ["mesh", "mesh-tls"];
  return profiling ? ["mesh"] : peerNames.filter((name) => name !== "mesh-tls");
}

function count(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`${flag} takes a whole number from 1 to ${most}, not "${text}".`);
  return value;
}

/** Those of `all` that the text names, in the order of `all`. */
function chosen<T extends string>(flag: string, text: string, all: readonly T[]): T[] {
  const names = text.split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !all.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`${flag} takes some of ${all.join(", ")}, not "${unknown}".`);
  return all.filter((name) => names.includes(name));
}
