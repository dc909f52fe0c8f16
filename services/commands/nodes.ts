import { create } from "@bufbuild/protobuf";
import type { Values } from "../../core/config/settings.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { IdentityService } from "../../gen/cxmpute/registry/v1/identity_pb.ts";
import { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type NodeVerdict, RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { callOnce } from "./grpc-call.ts";
import { toRows } from "./nodes/rows.ts";
import { toNodesTable } from "./nodes/table.ts";
import type { nodeSettings, nodesSettings } from "./settings/clients.ts";
import type { TlsValues } from "./settings/tls.ts";

/** Lists the registered nodes, a row for each model; a router adds how busy they are. */
export async function nodes(values: Values<typeof nodesSettings>): Promise<number> {
  const { registry, router } = values;
  if (registry === undefined)
    throw new UserFault(
      "name the registry: --registry HOST:PORT. The one inside `cxmpute up` cannot be asked from outside; its only node is that process itself.",
      { exitCode: exitCodes.usage },
    );
  const { nodes: registered } = await callOnce(
    { schema: RegistryService, name: "registry", address: registry, tls: values },
    (client, options) => client.listNodes({}, options),
  );
  const models = new Set(registered.flatMap((node) => node.models.map(({ model }) => model)));
  const verdicts = router === undefined ? undefined : await explain(router, models, values);
  const rows = registered.flatMap((node) => toRows(node, verdicts));
  process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : toNodesTable(rows, values.wide));
  return exitCodes.ok;
}

function explain(
  address: string,
  models: ReadonlySet<string>,
  tls: TlsValues,
): Promise<Map<string, NodeVerdict[]>> {
  return callOnce({ schema: RouterService, name: "router", address, tls }, async (client, options) => {
    const verdicts = new Map<string, NodeVerdict[]>();
    for (const model of models) {
      const generation = create(GenerationSchema, { id: "nodes", model });
      verdicts.set(model, (await client.explainRoute({ generation }, options)).verdicts);
    }
    return verdicts;
  });
}

/** `cxmpute node revoke NAME`: removes a node from the mesh for good. */
export async function node(
  values: Values<typeof nodeSettings>,
  [verb, nodeId, ...rest]: readonly string[],
): Promise<number> {
  if (verb !== "revoke" || nodeId === undefined || rest.length > 0)
    throw new UserFault("usage: cxmpute node revoke NAME. `cxmpute nodes` lists the names.", {
      exitCode: exitCodes.usage,
    });
  await callOnce(
    { schema: IdentityService, name: "registry", address: values.registry, tls: values },
    (client, options) => client.revokeNode({ nodeId }, options),
  );
  process.stdout.write(
    `Node ${nodeId} is removed: routers disconnect it within seconds, its open answers fail over, and its\nname cannot be used again.\n`,
  );
  return exitCodes.ok;
}
