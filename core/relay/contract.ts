import type { ClientBound, EngineBound, Load } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Clock } from "../clock.ts";
import type { MeshError } from "../errors/mesh-error.ts";
import type { Generate } from "../generate.ts";

/** A frame at least this often towards the client, so that silence means trouble. */
export const beatMs = 500;
/** A relay, or a generation on it, that is silent for so long is lost. */
export const silenceMs = 1500;
/** Text that may wait for a slow reader, in bytes; then its generation is cancelled. */
export const bufferLimitBytes = 1024 * 1024;

/** The client's end of a relay: opens generations on the other side. */
export interface RelayClient {
  /** Answers over the relay. Throws `node_lost` when the relay breaks. */
  readonly generate: Generate;
  /** Generations now open. */
  readonly open: number;
  /** What the other side last said of its load; undefined before its first word. */
  readonly load: Load | undefined;
  /** Resolves (never rejects) when the relay has ended, with the reason. */
  readonly closed: Promise<MeshError>;
  /** Ends the relay; open generations fail with `reason`. */
  close(reason: MeshError): void;
}

/** How to open the client's end. */
export interface RelayClientOptions {
  /** Exchanges frames with the other side until the signal aborts. */
  readonly exchange: (frames: AsyncIterable<EngineBound>, signal: AbortSignal) => AsyncIterable<ClientBound>;
  readonly clock: Clock;
  /** Called with every load that the other side tells. */
  readonly onLoad?: (load: Load) => void;
  /** Fails a generation that shows no sign of life for `silenceMs`; for relays that end at a node. */
  readonly watchGenerations?: boolean;
}

/** Where a node's load comes from. */
export interface LoadSource {
  current(): Load;
  /** Calls back after each change; returns the way to stop. */
  subscribe(listener: () => void): () => void;
}

/** How to open the engine's end. */
export interface RelayServerOptions {
  readonly generate: Generate;
  /** Frames from the client; their end, or an error, ends the relay and cancels what is open. */
  readonly frames: AsyncIterable<EngineBound>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly load?: LoadSource;
}
