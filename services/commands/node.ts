import { createClient, type Transport } from "@connectrpc/connect";
import type { Values } from "../../core/config/settings.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { IdentityService } from "../../gen/cxmpute/registry/v1/identity_pb.ts";
import { callOnce } from "./grpc-call.ts";
import type { nodeSettings } from "./settings/clients.ts";

/** `cxmpute node revoke NAME`: removes a node from the mesh for good. */
export async function node(
  values: Values<typeof nodeSettings>,
  [verb, nodeId, ...rest]: readonly string[],
): Promise<number> {
  if (verb !== "revoke" || nodeId === undefined || rest.length > 0)
    throw new UserFault("usage: cxmpute node revoke NAME. `cxmpute nodes` lists the names.", {
      exitCode: exitCodes.usage,
    });
  const ask = (transport: Transport, signal: AbortSignal) =>
    createClient(IdentityService, transport).revokeNode({ nodeId }, { signal });
  await callOnce("registry", values.registry, ask, values);
  process.stdout.write(
    `Node ${nodeId} is removed: routers disconnect it within seconds, its open answers fail over, and its\nname cannot be used again.\n`,
  );
  return exitCodes.ok;
}
