import type { ServiceImpl } from "@connectrpc/connect";
import { MeshError } from "../../core/errors/mesh-error.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { checkNode } from "./check-node.ts";
import type { Store } from "./store.ts";

/** `code` of the error that tells a node to register again, whatever became of its lease. */
export const leaseLapsedCode = "lease_lapsed";

/** Answers RegistryService from a store. */
export function createRegistryService(store: Store, log: Log): ServiceImpl<typeof RegistryService> {
  return {
    async registerNode({ node: record }) {
      const node = checkNode(record);
      const { leaseId, revision } = await store.put(node);
      log.info(
        {
          node_id: node.id,
          address: node.address === "" ? "attaches" : node.address,
          models: node.models.map(({ model }) => model),
          draining: node.draining,
        },
        "node registered",
      );
      return { leaseId, revision, ttlMs: store.ttlMs };
    },

    async renewLease({ leaseId }) {
      const nodeId = await store.renew(leaseId);
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

    async deregisterNode({ leaseId }) {
      await store.delete(leaseId);
      return {};
    },

    listNodes: () => store.list(),

    watchNodes: (_request, { signal }) => store.watch(signal),
  };
}
