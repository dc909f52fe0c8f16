import type { ClientBound, EngineBound, Load } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Clock } from "../clock.ts";
import type { MeshError } from "../errors/mesh-error.ts";
import type { Generate } from "../generate.ts";

/** The longest time between two frames to the client, so that silence means failure. */
export const heartbeatMs = 500;
/** A relay, or a generation on it, that is silent for this time is lost. */
export const silenceMs = 1500;
/** The most that may be queued for a slow reader, in bytes; beyond, its generation is cancelled. */
export const bufferLimitBytes = 1024 * 1024;

/** The client's end of a relay: opens generations on the other side. */
export interface RelayClient {
  /** Generates over the relay. Throws `node_lost` when the relay breaks. */
  readonly generate: Generate;
  readonly open: number;
  readonly load: Load | undefined;
  /** Resolves (never rejects) when the relay has ended, with the reason. */
  readonly closed: Promise<MeshError>;
  /** Open generations fail with `reason`. */
  close(reason: MeshError): void;
}

/** How to open the client's end. */
export interface RelayClientOptions {
  /** Exchanges frames with the other side until the signal aborts. */
  readonly exchange: (frames: AsyncIterable<EngineBound>, signal: AbortSignal) => AsyncIterable<ClientBound>;
  readonly clock: Clock;
  /** Called with every load that the other side reports. */
  readonly onLoad?: (load: Load) => void;
  /** Fails a generation that is silent for `silenceMs`; for relays to nodes. */
  readonly watchGenerations?: boolean;
}

/** The load of a node. */
export interface LoadSource {
  current(): Load;
  /** Calls back after each change; returns a function that stops it. */
  subscribe(listener: () => void): () => void;
}

/** How to open the engine's end. */
export interface RelayServerOptions {
  readonly generate: Generate;
  /** Frames from the client; their end, or an error, ends the relay and cancels open generations. */
  readonly frames: AsyncIterable<EngineBound>;
  /** Ends the relay at once and cancels open generations. */
  readonly signal: AbortSignal;
  /** Ends the relay in order: once no generation is open, and after the last frame. */
  readonly closing?: AbortSignal;
  readonly clock: Clock;
  readonly load?: LoadSource;
}
