import type { MeshError } from "../../../core/errors/mesh-error.ts";
import { tlsFailedCode } from "../../../core/rpc/grpc-codec.ts";

/**
 * What the node waits between attempts to reach a registry or a router (`Backoff`). With the time that one attempt may
 * take (`core/rpc/connection.ts`) it bounds how long after its link a node is back.
 */
export const reconnect = { firstMs: 250, limitMs: 2000 } as const;

/** The same for one that speaks another version of the protocol: only an update can help. */
export const reconnectMismatch = { firstMs: 60_000, limitMs: 60_000 } as const;

/** Whether nobody answers, as opposed to somebody who refuses. */
export const isAway = ({ kind, code }: MeshError): boolean =>
  (kind === "node_lost" && code !== tlsFailedCode) || kind === "deadline";
