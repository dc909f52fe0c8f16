import type { CapabilitySet } from "../../../core/generation/capabilities.ts";
import type { Node, ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/**
 * One node as it stands for one model. Routing reads it in one go, without waiting, so the numbers of one ranking
 * belong to one moment although the fleet moves on.
 */
export interface Candidate {
  readonly node: Node;
  /** `hashOf` the node's id, for `rendezvousHash`. */
  readonly idHash: number;
  /** How it serves the model; undefined when it does not. */
  readonly served: ServedModel | undefined;
  /** Capabilities of the model there. */
  readonly offers: CapabilitySet;
  /** Whether its lease lives, as far as the registry is to be believed. */
  readonly listed: boolean;
  /** Whether a relay to it stands and has spoken. */
  readonly connected: boolean;
  /** True once it takes no new generations. */
  readonly draining: boolean;
  /** Milliseconds for which it is still ejected after failures; 0 when it is not. */
  readonly ejectedMs: number;
  /** Generations that can run at the same time. */
  readonly slots: number;
  /** Generations that run there, as it last said. */
  readonly running: number;
  /** Generations that wait there, as it last said. */
  readonly waiting: number;
  /** Generations that run or wait there, counting those that this router has sent since the node last said. */
  readonly occupied: number;
  /** Learned: from sending a generation to its first token when a slot is free; undefined when not known. */
  readonly firstTokenMs: number | undefined;
  /** Learned: between two tokens of one answer. */
  readonly tokenMs: number | undefined;
  /** As `tokenMs`, but not forgotten while nothing comes: what people are told, and no router routes by. */
  readonly measuredTokenMs: number | undefined;
  /** Learned: how long a generation holds a slot. */
  readonly serviceMs: number | undefined;
}
