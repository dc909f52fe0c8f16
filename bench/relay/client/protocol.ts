import type { Target } from "../../peers/contract.ts";

/** What the load client is told. */
export type Task =
  | { readonly kind: "connect"; readonly target: Target; readonly connections: number }
  | { readonly kind: "run"; readonly load: Load }
  | { readonly kind: "disconnect" };

/** Requests to make over the open connections, at most one at a time on each. */
export interface Load {
  readonly model: string;
  readonly streamed: boolean;
  /** Tokens of each answer. */
  readonly tokens: number;
  /** Requests go on for so long; 0 makes one request on each connection. */
  readonly durationMs: number;
  /** Whatever is not answered by then has failed. */
  readonly limitMs: number;
}

/** What it answers, one message per task but for `run`: `finished` at once, then `report` when all is verified. */
export type Reply =
  | { readonly kind: "connected" }
  | { readonly kind: "finished" }
  | { readonly kind: "report"; readonly report: LoadReport }
  | { readonly kind: "disconnected" }
  | { readonly kind: "failed"; readonly message: string };

/** What was received. */
export interface LoadReport {
  /** Responses that were complete and exact. */
  readonly exact: number;
  /** Responses that were not, or never came. */
  readonly failed: number;
  /** What was wrong with the first of them. */
  readonly firstFault?: string;
  /** SSE events that carried text. */
  readonly events: number;
  /** Reads from the sockets. */
  readonly reads: number;
  /** Bytes, headers and framing included. */
  readonly bytes: number;
  /** From the first request to the last byte. */
  readonly wallMs: number;
}
