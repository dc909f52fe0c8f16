import type { ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { type Access, restrict } from "../../core/identity/access.ts";
import { callerAddress, callingNode, demandSelf } from "../../core/identity/peer.ts";
import { demandProtocol, protocol as ourProtocol, type ProtocolRange } from "../../core/protocol.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { checkNode, checkProcess } from "./check-node.ts";
import { type Holder, nameInUseCode } from "./name-holder.ts";
import type { Store } from "./store.ts";

/** `code` of the error after which a node registers again. */
export const leaseLapsedCode = "lease_lapsed";

/** Serves RegistryService from a store. */
export function createRegistryService(
  store: Store,
  { clock, log, protocol = ourProtocol }: { clock: Clock; log: Log; protocol: ProtocolRange | undefined },
): ServiceImpl<typeof RegistryService> {
  const refusals = new NameRefusals(log);
  const implementation: ServiceImpl<typeof RegistryService> = {
    describeRegistry: () => ({
      nowMs: BigInt(Math.round(clock.wallTime())),
      protocolVersion: protocol.current,
      oldestProtocolVersion: protocol.oldest,
    }),

    async registerNode({ node: record, process, protocolVersion, oldestProtocolVersion }, context) {
      const node = checkNode(record);
      checkProcess(process);
      demandSelf(context, node.id, "Registering");
      const reported = { current: protocolVersion, oldest: oldestProtocolVersion };
      demandProtocol({ other: "node", self: "registry" }, reported, protocol);
      const { instance = "", replaces = "", host = "" } = process ?? {};
      const claim = { instance, replaces, host, address: callerAddress(context) };
      const { leaseId, revision } = await store.put(node, claim).catch((error: unknown) => {
        refusals.log(node.id, claim, error);
        throw error;
      });
      log.info(
        {
          node_id: node.id,
          address: node.address === "" ? "attaches" : node.address,
          models: node.models.map(({ model }) => model),
          draining: node.draining,
        },
        "node registered",
      );
      const nowMs = BigInt(Math.round(clock.wallTime()));
      return {
        leaseId,
        revision,
        ttlMs: store.ttlMs,
        nowMs,
        protocolVersion: protocol.current,
        oldestProtocolVersion: protocol.oldest,
      };
    },

    async renewLease({ leaseId }, context) {
      // A router renews the leases that nodes have shown it; a node only its own.
      const nodeId = await store.renew(leaseId, callingNode(context));
      if (nodeId === undefined)
        throw new MeshError(
          "invalid_request",
          "The lease has lapsed or was replaced: register the node again.",
          {
            code: leaseLapsedCode,
            param: "lease_id",
          },
        );
      return { ttlMs: store.ttlMs, nodeId };
    },

    async deregisterNode({ leaseId }, context) {
      await store.delete(leaseId, callingNode(context));
      return {};
    },

    listNodes: () => store.list(),

    watchNodes: (_request, { signal }) => store.watch(signal),
  };
  return restrict(RegistryService, implementation, access);
}

/** Logs each process once that asks for a name in use, and not each time that it asks. */
class NameRefusals {
  readonly #log: Log;
  #logged: string | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  log(nodeId: string, { instance, host, address }: Holder, error: unknown): void {
    if (!(error instanceof MeshError) || error.code !== nameInUseCode || error.kind !== "invalid_request")
      return;
    const process = `${nodeId} ${instance}`;
    if (this.#logged === process) return;
    this.#logged = process;
    this.#log.warn({ node_id: nodeId, host, address, reason: error.message }, "a second process was refused");
  }
}

const access: Access<typeof RegistryService> = {
  describeRegistry: "anybody",
  registerNode: ["node"],
  renewLease: ["node", "router"],
  deregisterNode: ["node"],
  listNodes: ["router", "admin"],
  watchNodes: ["router", "admin"],
};
