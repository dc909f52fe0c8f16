import type { CapabilitySet } from "../../../core/generation/capabilities.ts";
import type { Node, ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** Why an endpoint is ejected: its generations fail, or they take much longer than at its peers. */
export type EjectionCause = "failing" | "slow";

/** One node for one model. Routing reads it without waiting, so that the numbers of one ranking are consistent. */
export interface Candidate {
  readonly node: Node;
  readonly idHash: number;
  readonly served: ServedModel | undefined;
  readonly offers: CapabilitySet;
  /** Whether its lease is valid, as far as the registry is to be believed. */
  readonly listed: boolean;
  /** Whether it has a relay that has reported its load. */
  readonly connected: boolean;
  /** True once it takes no new generations. */
  readonly draining: boolean;
  /** Whether it is silent for longer than usual, so that it may be lost. */
  readonly suspected: boolean;
  /** Why it is ejected for the time being; undefined when it is not. */
  readonly ejected: EjectionCause | undefined;
  /** The same as a sentence; empty when it never was. */
  readonly whyEjected: string;
  /** Generations that can run at the same time. */
  readonly slots: number;
  /** As last reported, like `waiting`. */
  readonly running: number;
  readonly waiting: number;
  /** Generations that run or wait there, including those that this router has sent since that report. */
  readonly occupied: number;
  /** Learned: from dispatch to first token when a slot is free; undefined when not known. */
  readonly firstTokenMs: number | undefined;
  /** Learned: between two tokens of one answer. */
  readonly tokenMs: number | undefined;
  /** As `tokenMs`, but it does not fade: for people to read, not for routing. */
  readonly measuredTokenMs: number | undefined;
  /** Learned: how long a generation holds a slot. */
  readonly serviceMs: number | undefined;
}
