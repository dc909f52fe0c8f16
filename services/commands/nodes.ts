import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import type { Values } from "../../core/config/settings.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Node, RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type NodeVerdict, RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { callOnce } from "./grpc-call.ts";
import { toRows } from "./nodes/rows.ts";
import { toNodesTable } from "./nodes/table.ts";
import type { nodesSettings } from "./settings/clients.ts";
import type { TlsValues } from "./settings/tls.ts";

/** Lists the registered nodes, a row for each model; a router adds how busy they are. */
export async function nodes(values: Values<typeof nodesSettings>): Promise<number> {
  if (values.registry === undefined)
    throw new UserFault(
      "name the registry: --registry HOST:PORT. The one inside `cxmpute up` cannot be asked from outside; its only node is that process itself.",
      { exitCode: exitCodes.usage },
    );
  const registered = await listNodes(values.registry, values);
  const verdicts =
    values.router === undefined ? undefined : await explain(values.router, modelsOf(registered), values);
  const rows = registered.flatMap((node) => toRows(node, verdicts));
  process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : toNodesTable(rows, values.wide));
  return exitCodes.ok;
}

function listNodes(registry: string, tls: TlsValues): Promise<Node[]> {
  const ask = async (transport: Transport, signal: AbortSignal) =>
    (await createClient(RegistryService, transport).listNodes({}, { signal })).nodes;
  return callOnce("registry", registry, ask, tls);
}

const modelsOf = (nodes: readonly Node[]): Set<string> =>
  new Set(nodes.flatMap((node) => node.models.map(({ model }) => model)));

/** The router's verdicts on all nodes, by model. */
function explain(
  router: string,
  models: ReadonlySet<string>,
  tls: TlsValues,
): Promise<Map<string, NodeVerdict[]>> {
  const ask = async (transport: Transport, signal: AbortSignal) => {
    const client = createClient(RouterService, transport);
    const verdicts = new Map<string, NodeVerdict[]>();
    for (const model of models) {
      const generation = create(GenerationSchema, { id: "nodes", model });
      verdicts.set(model, (await client.explainRoute({ generation }, { signal })).verdicts);
    }
    return verdicts;
  };
  return callOnce("router", router, ask, tls);
}
