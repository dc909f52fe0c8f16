import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import type { Values } from "../../core/config/settings.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Node, RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type NodeVerdict, RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { callOnce } from "./grpc-call.ts";
import type { nodesSettings } from "./settings/clients.ts";
import { toTable } from "./table.ts";

/** One model on one node, as it is shown. */
interface Row {
  readonly node: string;
  /** HOST:PORT, or `attached` when the node dials the routers. */
  readonly address: string;
  readonly model: string;
  readonly engine: string;
  readonly slots: number;
  readonly context_length: number;
  /** `ready`, `draining`, or what the router says against it. */
  readonly state: string;
  /** As the node last told the router; absent when no router was asked. */
  readonly running?: number;
  readonly waiting?: number;
}

/** Lists what is registered, a row for each model of each node; a router adds how busy it is. */
export async function nodes(values: Values<typeof nodesSettings>): Promise<number> {
  if (values.registry === undefined)
    throw new UserFault(
      "say which registry to ask: --registry HOST:PORT. The one inside `cxmpute up` cannot be asked from outside; its only node is that process itself.",
      { exitCode: exitCodes.usage },
    );
  const registered = await listNodes(values.registry);
  const verdicts =
    values.router === undefined ? undefined : await explain(values.router, modelsOf(registered));
  const rows = registered.flatMap((node) => toRows(node, verdicts));
  process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : toText(rows));
  return exitCodes.ok;
}

function listNodes(registry: string): Promise<Node[]> {
  return callOnce("registry", registry, async (transport, signal) => {
    const { nodes } = await createClient(RegistryService, transport).listNodes({}, { signal });
    return nodes;
  });
}

const modelsOf = (nodes: readonly Node[]): Set<string> =>
  new Set(nodes.flatMap((node) => node.models.map(({ model }) => model)));

/** For each model, what the router would do with a generation for it. */
function explain(router: string, models: ReadonlySet<string>): Promise<Map<string, NodeVerdict[]>> {
  return callOnce("router", router, async (transport, signal) => {
    const client = createClient(RouterService, transport);
    const verdicts = new Map<string, NodeVerdict[]>();
    for (const model of models) {
      const generation = create(GenerationSchema, { id: "nodes", model });
      verdicts.set(model, (await client.explainRoute({ generation }, { signal })).verdicts);
    }
    return verdicts;
  });
}

function toRows(node: Node, verdicts: ReadonlyMap<string, readonly NodeVerdict[]> | undefined): Row[] {
  const address = node.address === "" ? "attached" : node.address;
  return node.models.map(({ model, engine, slots, contextLength }) => {
    const row = { node: node.id, address, model, engine, slots, context_length: contextLength };
    const registered = node.draining ? "draining" : "ready";
    if (verdicts === undefined) return { ...row, state: registered };
    const verdict = verdicts.get(model)?.find((one) => one.node?.id === node.id);
    const objection =
      verdict === undefined ? "not known to the router" : verdict.reason || verdict.rejectedBy;
    const { running = 0, waiting = 0 } = verdict?.load ?? {};
    return { ...row, state: verdict?.rejectedBy === "" ? registered : objection, running, waiting };
  });
}

function toText(rows: readonly Row[]): string {
  if (rows.length === 0) return "No node is registered. Join one with `cxmpute join`.\n";
  const busy = rows.some(({ running }) => running !== undefined);
  return toTable(
    [
      "NODE",
      "ADDRESS",
      "MODEL",
      "ENGINE",
      "SLOTS",
      ...(busy ? ["RUNNING", "WAITING"] : []),
      "CONTEXT",
      "STATE",
    ],
    rows.map(({ node, address, model, engine, slots, running, waiting, context_length, state }) =>
      [node, address, model, engine, slots, ...(busy ? [running, waiting] : []), context_length, state].map(
        String,
      ),
    ),
  );
}
