import { ScalarType } from "@bufbuild/protobuf";
import * as proto from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { NodeVerdict } from "../../../gen/cxmpute/router/v1/router_pb.ts";

type Verdicts = ReadonlyMap<string, readonly NodeVerdict[]>;

/** One model on one node, as in `--json`. */
export type Row = ReturnType<typeof toRow>;

/** A row for each model of a node. Without `verdicts` nothing of a router's is in them. */
export const toRows = (node: proto.Node, verdicts: Verdicts | undefined): Row[] =>
  node.models.map((served) => toRow(node, served, verdicts));

function toRow(node: proto.Node, served: proto.ServedModel, verdicts: Verdicts | undefined) {
  const verdict = verdicts?.get(served.model)?.find((one) => one.node?.id === node.id);
  const { running = 0, waiting = 0 } = verdict?.load ?? {};
  return {
    node: node.id,
    /** HOST:PORT, or `attached` when the node dials the routers. */
    address: node.address || "attached",
    version: node.version,
    model: served.model,
    engine: served.engine,
    engine_name: served.engineName,
    fingerprint: served.fingerprint,
    slots: served.slots,
    context_length: served.contextLength,
    capabilities: toAbilities(served.capabilities),
    /** Of one answer, as the node reports; null before it has measured. */
    tokens_per_second: toSpeed(served.tokensPerSecond),
    hardware: toHardwareRow(node.hardware),
    /** `ready`, `draining`, or why the router rejects it. */
    state: (verdicts && whyRejected(verdict)) ?? (node.draining ? "draining" : "ready"),
    /** Load as the node last reported it, and the speed of one answer as the router has measured it, or null. */
    ...(verdicts && { running, waiting, router_tokens_per_second: toSpeed(verdict?.tokensPerSecond) }),
  };
}

function whyRejected(verdict: NodeVerdict | undefined): string | undefined {
  if (verdict === undefined) return "not known to the router";
  return verdict.rejectedBy === "" ? undefined : verdict.reason || verdict.rejectedBy;
}

/** With three digits. */
export const toSpeed = (tokensPerSecond: number | undefined): number | null =>
  tokensPerSecond === undefined ? null : Number(tokensPerSecond.toPrecision(3));

/** A node's hardware, as in `--json`; null when the node does not report it. */
export type HardwareRow = ReturnType<typeof toHardwareRow>;

function toHardwareRow(hardware: proto.Hardware | undefined) {
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

/** A model's capabilities on one node, by their names in the protos; `resume` is `none`, `text` or `tokens`. */
export type Abilities = Readonly<Record<string, boolean>> & { readonly resume: string };

/** All capabilities, also absent ones. */
export function toAbilities(capabilities: proto.Capabilities | undefined): Abilities {
  const flags = proto.CapabilitiesSchema.fields.flatMap((field) =>
    field.fieldKind === "scalar" && field.scalar === ScalarType.BOOL
      ? [[field.name, capabilities?.[field.localName as keyof proto.Capabilities] === true] as const]
      : [],
  );
  const resume = resumeNames[capabilities?.resume ?? proto.Capabilities_Resume.NONE];
  return { ...Object.fromEntries(flags), resume } as Abilities;
}

const resumeNames: Readonly<Record<proto.Capabilities_Resume, string>> = {
  [proto.Capabilities_Resume.UNSPECIFIED]: "none",
  [proto.Capabilities_Resume.NONE]: "none",
  [proto.Capabilities_Resume.TEXT]: "text",
  [proto.Capabilities_Resume.TOKENS]: "tokens",
};
