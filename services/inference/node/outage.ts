import type { MeshError } from "../../../core/errors/mesh-error.ts";
import { protocolCode } from "../../../core/protocol.ts";
import { tlsFailedCode } from "../../../core/rpc/grpc-codec.ts";
import type { Log } from "../../../core/telemetry/log.ts";

/** How the provider is told of a registry or router that does not have the node. */
export interface OutageOptions {
  readonly log: Log;
  /** What the log says when nobody answers. */
  readonly away: string;
  /** What it says when somebody refuses. */
  readonly refuses: string;
  /** What it says when the two speak different versions of the protocol; `fault` tells which one to update. */
  readonly mismatch: (fault: string) => string;
  /** Called with that fault while it lasts, and with undefined once the node is taken. */
  readonly onMismatch: (fault: string | undefined) => void;
}

/** The time in which a registry or a router does not have the node. */
export class Outage {
  readonly #options: OutageOptions;
  readonly #told = new Set<string>();

  constructor(options: OutageOptions) {
    this.#options = options;
  }

  /** Whether it goes on now. */
  get lasts(): boolean {
    return this.#told.size > 0;
  }

  /** An attempt has failed: the first of an outage is told, and later what only somebody's act can end, each once. */
  tell(error: MeshError): void {
    const { log, away, refuses, mismatch, onMismatch } = this.#options;
    const isMismatch = error.code === protocolCode;
    if (isMismatch) onMismatch(error.message);
    const message = isMismatch ? mismatch(error.message) : isAway(error) ? away : refuses;
    if (!this.#told.has(message) && (isMismatch || !this.lasts)) log.warn({ err: error }, message);
    this.#told.add(message);
  }

  /** The node is taken. */
  end(): void {
    this.#options.onMismatch(undefined);
    this.#told.clear();
  }
}

/**
 * What the node waits between attempts to reach a registry or a router (`Backoff`). With the time that one attempt may
 * take (`core/rpc/connection.ts`) it bounds how long after its link a node is back.
 */
export const reconnect = { firstMs: 250, limitMs: 2000 } as const;

/** The same for one that speaks another version of the protocol: only an update can help. */
export const reconnectMismatch = { firstMs: 60_000, limitMs: 60_000 } as const;

/** Whether nobody answers, as opposed to somebody who refuses. */
const isAway = ({ kind, code }: MeshError): boolean =>
  (kind === "node_lost" && code !== tlsFailedCode) || kind === "deadline";
