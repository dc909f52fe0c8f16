import type { Hardware, Node } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { NodeVerdict } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { type Abilities, toAbilities } from "./abilities.ts";

/** One model on one node, as it is shown, and as it stands in `--json`. */
export interface Row {
  readonly node: string;
  /** HOST:PORT, or `attached` when the node dials the routers. */
  readonly address: string;
  /** Of the program that the node runs. */
  readonly version: string;
  readonly model: string;
  readonly engine: string;
  /** What the engine itself calls the model. */
  readonly engine_name: string;
  readonly fingerprint: string;
  readonly slots: number;
  readonly context_length: number;
  /** As probed. */
  readonly capabilities: Abilities;
  /** Of one answer, by the node's own measure; null before it has answered at some length. */
  readonly tokens_per_second: number | null;
  /** What the node runs on; null when it does not tell. */
  readonly hardware: HardwareRow | null;
  /** `ready`, `draining`, or what the router says against it. */
  readonly state: string;
  /** As the node last told the router; absent when no router was asked. */
  readonly running?: number;
  readonly waiting?: number;
  /** Of one answer, as the router has measured it; null while it has not, absent when no router was asked. */
  readonly router_tokens_per_second?: number | null;
}

/** What a node runs on, as it stands in `--json`. */
export interface HardwareRow {
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly gpus: readonly { readonly name: string; readonly memory_bytes: number }[];
}

/** A row for each model of a node. `verdicts` are the router's, by model; undefined when none was asked. */
export function toRows(node: Node, verdicts: ReadonlyMap<string, readonly NodeVerdict[]> | undefined): Row[] {
  return node.models.map((served) => {
    const registered = node.draining ? "draining" : "ready";
    const row = {
      node: node.id,
      address: node.address === "" ? "attached" : node.address,
      version: node.version,
      model: served.model,
      engine: served.engine,
      engine_name: served.engineName,
      fingerprint: served.fingerprint,
      slots: served.slots,
      context_length: served.contextLength,
      capabilities: toAbilities(served.capabilities),
      tokens_per_second: toSpeed(served.tokensPerSecond),
      hardware: toHardwareRow(node.hardware),
      state: registered,
    };
    if (verdicts === undefined) return row;
    const verdict = verdicts.get(served.model)?.find((one) => one.node?.id === node.id);
    const objection =
      verdict === undefined ? "not known to the router" : verdict.reason || verdict.rejectedBy;
    const { running = 0, waiting = 0 } = verdict?.load ?? {};
    return {
      ...row,
      state: verdict?.rejectedBy === "" ? registered : objection,
      running,
      waiting,
      router_tokens_per_second: toSpeed(verdict?.tokensPerSecond),
    };
  });
}

/** Three digits say all there is to say. */
const toSpeed = (tokensPerSecond: number | undefined): number | null =>
  tokensPerSecond === undefined ? null : Number(tokensPerSecond.toPrecision(3));

function toHardwareRow(hardware: Hardware | undefined): HardwareRow | null {
  if (hardware === undefined) return null;
  const { platform, cpu, cores, memoryBytes, gpus } = hardware;
  return {
    platform,
    cpu,
    cores,
    memory_bytes: Number(memoryBytes),
    gpus: gpus.map((gpu) => ({ name: gpu.name, memory_bytes: Number(gpu.memoryBytes) })),
  };
}
