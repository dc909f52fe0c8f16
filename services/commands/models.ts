import type { Values } from "../../core/config/settings.ts";
import { exitCodes } from "../../core/lifecycle/user-fault.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { ask, toEndpoint } from "./endpoint.ts";
import { callOnce } from "./grpc-call.ts";
import { toSpeed } from "./nodes/rows.ts";
import { toPrintableTable } from "./nodes/table.ts";
import type { modelsSettings } from "./settings/clients.ts";

/** Lists the available models, from the endpoint or from a router. */
export async function models(values: Values<typeof modelsSettings>): Promise<number> {
  process.stdout.write(
    values.router === undefined ? await fromEndpoint(values) : await fromRouter(values, values.router),
  );
  return exitCodes.ok;
}

/** How a model is served now, as in the endpoint's catalogue. */
interface Serving {
  readonly nodes: number;
  readonly slots: number;
  readonly context_length: number | null;
  readonly tokens_per_second: number | null;
}

async function fromEndpoint(values: Values<typeof modelsSettings>): Promise<string> {
  const endpoint = toEndpoint(values);
  const listOf = async <T>(path: string) =>
    ((await (await ask(endpoint, path)).json()) as { data: T[] }).data;
  const [models, catalogue] = await Promise.all([
    listOf<{ id: string; created: number; owned_by: string }>("/models"),
    listOf<{ id: string; serving: Serving }>("/catalogue"),
  ]);
  const serving = new Map(catalogue.map((model) => [model.id, model.serving]));
  if (values.json) return toJson(models.map((model) => ({ ...model, ...serving.get(model.id) })));
  return toModelTable(
    models.map(({ id, created }) => ({ name: id, since: created, ...(serving.get(id) ?? unknown) })),
  );
}

/** For a model that has come or gone between the two requests. */
const unknown: Serving = { nodes: 0, slots: 0, context_length: null, tokens_per_second: null };

async function fromRouter(values: Values<typeof modelsSettings>, address: string): Promise<string> {
  const { models } = await callOnce(
    { schema: RouterService, name: "router", address, tls: values },
    (client, options) => client.listModels({}, options),
  );
  const found = models.map(({ name, nodes, slots, contextLength, tokensPerSecond, since }) => ({
    name,
    nodes,
    slots,
    context_length: contextLength || null,
    tokens_per_second: tokensPerSecond ?? null,
    since: Number(since),
  }));
  return values.json ? toJson(found) : toModelTable(found);
}

const toModelTable = (models: readonly (Serving & { readonly name: string; readonly since: number })[]) =>
  toPrintableTable(
    {
      MODEL: ({ name }) => name,
      NODES: ({ nodes }) => nodes,
      SLOTS: ({ slots }) => slots,
      CONTEXT: ({ context_length }) => context_length,
      // Of one answer, as routers have measured it, if they have.
      "TOKENS/S": ({ tokens_per_second }) => toSpeed(tokens_per_second ?? undefined),
      SINCE: ({ since }) => toTime(since),
    },
    models,
  );

const toJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const toTime = (seconds: number): string => new Date(seconds * 1000).toLocaleString("sv-SE");
