import type { Generation } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ClientBound, EngineBound, Load } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Clock } from "../clock.ts";
import { MeshError } from "../errors/mesh-error.ts";
import type { Generate } from "../generate.ts";

/** The longest time between two frames to the client, so that silence means failure. */
export const heartbeatMs = 500;
/** The longest time between two frames to the engine's side, where the client sends signs of life. */
export const clientHeartbeatMs = 1000;
/** A peer, or a generation of it, that is silent for this time is suspected, unless longer silence is usual. */
export const silenceMs = 1500;
/** A peer that is silent for this time is lost. */
export const lostMs = 30_000;
/** The same before its first frame. */
export const unheardLostMs = 5000;
/** A generation that is silent for this time while its peer is not is lost, unless longer silence is usual. */
export const engineLostMs = 10_000;

/** The peer is silent, and the generation may continue elsewhere. */
export class PeerSilent extends MeshError {
  constructor(silentMs: number) {
    super("node_lost", `The other side was silent for more than ${Math.round(silentMs)} ms.`);
  }
}

/** A generation that is silent for longer than usual. */
export interface SilentGeneration {
  readonly generation: Generation;
  /** Whether it has shown something. */
  readonly hasBegun: boolean;
  readonly silentMs: number;
}

/** The most that may be queued for a slow reader, in bytes; beyond, its generation is cancelled. */
export const bufferLimitBytes = 1024 * 1024;

/** The client's end of a relay: opens generations on the other side. */
export interface RelayClient {
  /** Generates over the relay. Throws `node_lost` when the relay breaks. */
  readonly generate: Generate;
  readonly open: number;
  readonly load: Load | undefined;
  /** Whether the other side is silent for longer than usual, so that generations are better started elsewhere. */
  readonly suspected: boolean;
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
  /** Also suspects single generations, because engines show signs of life; for relays to nodes. */
  readonly watchGenerations?: boolean;
  /** Sends a frame at least every `clientHeartbeatMs`, for an engine's side that dialled and watches its connection. */
  readonly showsLife?: boolean;
  /**
   * Asked for each suspected generation, until it is heard of again: true gives it up, so that it fails as `node_lost`
   * and continues elsewhere. Absent: generations wait.
   */
  readonly mayMove?: (silent: SilentGeneration) => boolean;
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
