import type { Clock } from "../../../core/clock.ts";
import { openRelay } from "../../../core/relay/client.ts";
import type { RelayClient, RelayClientOptions } from "../../../core/relay/contract.ts";
import type { Fleet } from "../fleet/fleet.ts";

/** What every relay to a node needs, whoever dialled. */
export interface NodeRelayOptions {
  readonly nodeId: string;
  readonly exchange: RelayClientOptions["exchange"];
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Called when the node has spoken for the first time: from now on it can be picked. */
  readonly onReady?: () => void;
}

/** Opens a relay to a node. The fleet has it from its first word on, and learns every load that the node tells. */
export function openNodeRelay({ nodeId, exchange, fleet, clock, onReady }: NodeRelayOptions): RelayClient {
  let ready = false;
  const relay: RelayClient = openRelay({
    exchange,
    clock,
    watchGenerations: true,
    onLoad: (load) => {
      if (ready) return fleet.tell(nodeId, relay, load);
      ready = true;
      fleet.connect(nodeId, relay);
      onReady?.();
    },
  });
  return relay;
}
