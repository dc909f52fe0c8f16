import type { MeshError } from "../../../core/errors/mesh-error.ts";
import { protocolCode } from "../../../core/protocol.ts";
import { tlsFailedCode } from "../../../core/rpc/grpc-codec.ts";
import type { Log } from "../../../core/telemetry/log.ts";

/** What is logged while a registry or router does not accept the node. */
interface OutageOptions {
  readonly log: Log;
  /** The message when there is no answer. */
  readonly away: string;
  /** The message when the node is refused. */
  readonly refuses: string;
  /** The message when protocol versions differ; `fault` says which side to update. */
  readonly mismatch: (fault: string) => string;
  /** Called with that fault while it lasts, and with undefined once the node is accepted. */
  readonly onMismatch: (fault: string | undefined) => void;
}

/** A time in which a registry or router does not accept the node. */
export class Outage {
  readonly #options: OutageOptions;
  readonly #logged = new Set<string>();

  constructor(options: OutageOptions) {
    this.#options = options;
  }

  get lasts(): boolean {
    return this.#logged.size > 0;
  }

  /** Logs the first failed attempt of an outage, and each kind of version mismatch once. */
  report(error: MeshError): void {
    const { log, away, refuses, mismatch, onMismatch } = this.#options;
    const isMismatch = error.code === protocolCode;
    if (isMismatch) onMismatch(error.message);
    const message = isMismatch ? mismatch(error.message) : isAway(error) ? away : refuses;
    if (!this.#logged.has(message) && (isMismatch || !this.lasts)) log.warn({ err: error }, message);
    this.#logged.add(message);
  }

  end(): void {
    this.#options.onMismatch(undefined);
    this.#logged.clear();
  }
}

/**
 * Waits between attempts (`Backoff`). With the limit of one attempt (`core/rpc/connection.ts`) they bound how soon a
 * node is back after its link.
 */
export const reconnect = { firstMs: 250, limitMs: 2000 } as const;

/** The same after a version mismatch, which only an update can end. */
export const reconnectMismatch = { firstMs: 60_000, limitMs: 60_000 } as const;

/** No answer, as opposed to a refusal. */
const isAway = ({ kind, code }: MeshError): boolean =>
  (kind === "node_lost" && code !== tlsFailedCode) || kind === "deadline";
