import type { Peer, RunningPeer } from "../peers/contract.ts";

/** A peer that is up, or the reason why it is not. */
export type Entrant =
  | { readonly peer: Peer; readonly running: RunningPeer }
  | { readonly peer: Peer; readonly absent: string };
