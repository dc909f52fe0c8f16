import { Call } from "../../core/answers/call.ts";
import { type CapabilitySet, needsOf } from "../../core/generation/capabilities.ts";
import type { Generation } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { RouteRequest } from "./routing/filters.ts";

/** One generation in the router; its sources are nodes. */
export class RoutedCall extends Call implements RouteRequest {
  readonly needs: CapabilitySet;
  /** Tokens of context that it takes at least, once a node with less has refused it and another node has more. */
  leastContext: number | undefined;
  /** Tokens that nodes have claimed beyond what they delivered or were asked. */
  discrepancy = 0;
  /** Wait for a slot, in milliseconds. */
  queuedMs = 0;
  /** From receipt to the first token, in milliseconds; undefined before it. */
  firstTokenMs: number | undefined;

  constructor(generation: Generation, receivedAt: number) {
    super(generation, receivedAt);
    this.needs = needsOf(generation);
  }

  get userId(): string {
    return this.generation.caller?.userId ?? "";
  }
}
