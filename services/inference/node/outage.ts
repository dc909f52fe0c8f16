import type { Transport } from "@connectrpc/connect";
import { Backoff } from "../../../core/backoff.ts";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import { protocolCode } from "../../../core/protocol.ts";
import { tlsFailedCode } from "../../../core/rpc/grpc-codec.ts";
import type { Log } from "../../../core/telemetry/log.ts";

export interface Peer {
  /** `renew` as in `GrpcTransport`; absent where there is no connection. */
  readonly transport: Transport & { renew?(): () => void };
  /** What the log calls it. */
  readonly name: string;
}

/** Waits between attempts: with the limit of one attempt they bound how soon a node is back after its link. */
const reconnect = { firstMs: 250, limitMs: 2000 } as const;
/** The same after a version mismatch, which only an update can end. */
const reconnectMismatch = { firstMs: 60_000, limitMs: 60_000 } as const;

interface OutageOptions {
  readonly log: Log;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  /** The message when there is no answer. */
  readonly away: string;
  /** The message when the node is refused. */
  readonly refuses: string;
  /** The message while the registry keeps the node's name for another process. */
  readonly inUse?: string;
  /** The message when protocol versions differ; `fault` says which side to update. */
  readonly mismatch: (fault: string) => string;
  /** Called with that fault while it lasts, and with undefined once the node is accepted. */
  readonly onMismatch: (fault: string | undefined) => void;
}

/** The attempts to be accepted by one registry or router: when to make the next one, and what to log. */
export class Outage {
  readonly #options: OutageOptions;
  readonly #backoff: Backoff;
  readonly #mismatchBackoff: Backoff;
  readonly #logged = new Set<string>();

  constructor(options: OutageOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...reconnect, random: options.random });
    this.#mismatchBackoff = new Backoff({ ...reconnectMismatch, random: options.random });
  }

  /** Logs the first failure of an outage, and each version mismatch once. Returns the wait, in milliseconds. */
  fail(error: MeshError): number {
    const { log, away, refuses, inUse = refuses, mismatch, onMismatch } = this.#options;
    const isMismatch = error.code === protocolCode;
    if (isMismatch) onMismatch(error.message);
    const refusal = error.code === nameInUseCode ? inUse : refuses;
    const message = isMismatch ? mismatch(error.message) : isAway(error) ? away : refusal;
    if (!this.#logged.has(message) && (isMismatch || this.#logged.size === 0))
      log.warn({ err: error }, message);
    this.#logged.add(message);
    return (isMismatch ? this.#mismatchBackoff : this.#backoff).next();
  }

  /** After the node was accepted. Returns whether that ends an outage, whose end is logged as loud as its start. */
  end(): boolean {
    const lasted = this.#logged.size > 0;
    this.#logged.clear();
    this.#backoff.reset();
    this.#options.onMismatch(undefined);
    return lasted;
  }

  /** Forgets earlier failures: the next wait is the shortest. */
  reset(): void {
    this.#backoff.reset();
  }

  /** How long to wait before an attempt, in milliseconds. */
  nextWaitMs(): number {
    return this.#backoff.next();
  }
}

/** `code` of the registry's error for a name that another process holds. */
const nameInUseCode = "name_in_use";

/** No answer, as opposed to a refusal. */
const isAway = ({ kind, code }: MeshError): boolean =>
  (kind === "node_lost" && code !== tlsFailedCode) || kind === "deadline";
