import type { Hardware, Node } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { NodeVerdict } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { type Abilities, toAbilities } from "./abilities.ts";

/** One model on one node, as in `--json`. */
export interface Row {
  readonly node: string;
  /** HOST:PORT, or `attached` when the node dials the routers. */
  readonly address: string;
  readonly version: string;
  readonly model: string;
  readonly engine: string;
  readonly engine_name: string;
  readonly fingerprint: string;
  readonly slots: number;
  readonly context_length: number;
  readonly capabilities: Abilities;
  /** Of one answer, as the node reports; null before it has measured. */
  readonly tokens_per_second: number | null;
  /** Null when the node does not report it. */
  readonly hardware: HardwareRow | null;
  /** `ready`, `draining`, or why the router rejects it. */
  readonly state: string;
  /** As the node last reported to the router; absent without a router. */
  readonly running?: number;
  readonly waiting?: number;
  /** Of one answer, as the router has measured; null before it has, absent without a router. */
  readonly router_tokens_per_second?: number | null;
}

/** A node's hardware, as in `--json`. */
export interface HardwareRow {
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly gpus: readonly { readonly name: string; readonly memory_bytes: number }[];
}

/** A row for each model of a node. `verdicts` are the router's, by model; undefined without a router. */
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

/** With three digits. */
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
