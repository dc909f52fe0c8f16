/** Who is measured. */
export const peerNames = ["mesh", "mesh-tls", "nginx", "node-pipe", "portkey"] as const;
export type PeerName = (typeof peerNames)[number];

/** Something that stands between clients and whatever makes the tokens. */
export interface Peer {
  readonly name: PeerName;
  /** For the report, such as `nginx, one hop`. */
  readonly title: string;
  /** More concurrent streams than this are not asked of it. */
  readonly maxStreams: number;
  /** Starts it, installing it first where need be. Throws when it cannot be had here, with the reason. */
  start(setting: PeerSetting): Promise<RunningPeer>;
}

/** What a peer needs to know to start. */
export interface PeerSetting {
  /** Port on 127.0.0.1 of the server of tokens, for peers that bring none of their own. */
  readonly upstreamPort: number;
  /** Milliseconds between the tokens of one stream, for peers that make their own. */
  readonly intervalMs: number;
  /** How many streams will be open at once. */
  readonly streams: number;
  /** Roles to run under the inspector, so that they can be profiled. */
  readonly inspect: readonly string[];
}

/** A peer that answers. */
export interface RunningPeer {
  readonly target: Target;
  readonly roles: readonly Role[];
  stop(): Promise<void>;
}

/** Where and how to ask. */
export interface Target {
  readonly port: number;
  /** Sent with every request, beside what HTTP itself needs. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One part of a peer, in one or more processes of its own. */
export interface Role {
  readonly name: string;
  /** Whether its CPU time is part of the peer's figure; the rest is shown apart. */
  readonly counted: boolean;
  /** Asked before every measurement, as workers may be replaced. */
  pids(): readonly number[];
  /** The WebSocket addresses of its inspectors, when they were asked for. */
  readonly inspectors?: readonly string[];
}
