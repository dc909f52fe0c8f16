import type { Clock } from "../../../core/clock.ts";
import { openRelay } from "../../../core/relay/client.ts";
import type { RelayClient, RelayClientOptions } from "../../../core/relay/contract.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { canTakeOver } from "./take-over.ts";

/** How to open a relay to a node, whichever side dialled. */
export interface NodeRelayOptions {
  readonly nodeId: string;
  readonly exchange: RelayClientOptions["exchange"];
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** As in `RelayClientOptions`. */
  readonly showsLife?: boolean;
  /** Called when the node has first reported its load: from then on it can be picked. */
  readonly onReady?: () => void;
}

/** Opens a relay to a node. The fleet gets it with the node's first load, and each later load. */
export function openNodeRelay({
  nodeId,
  exchange,
  fleet,
  clock,
  showsLife = false,
  onReady,
}: NodeRelayOptions): RelayClient {
  let ready = false;
  const relay: RelayClient = openRelay({
    exchange,
    clock,
    watchGenerations: true,
    showsLife,
    mayMove: (silent) => fleet.moves.tryMove(silent, () => canTakeOver(fleet, { nodeId, relay }, silent)),
    onLoad: (load) => {
      if (ready) return fleet.report(nodeId, relay, load);
      ready = true;
      fleet.connect(nodeId, relay);
      onReady?.();
    },
  });
  return relay;
}
