import { createClient } from "@connectrpc/connect";
import type { Values } from "../../core/config/settings.ts";
import { exitCodes } from "../../core/lifecycle/user-fault.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { ask, toEndpoint } from "./endpoint.ts";
import { callOnce } from "./grpc-call.ts";
import type { modelsSettings } from "./settings/clients.ts";
import { toTable } from "./table.ts";

/** Lists the models that can be asked now, from the endpoint or from a router. */
export async function models(values: Values<typeof modelsSettings>): Promise<number> {
  process.stdout.write(
    values.router === undefined ? await fromEndpoint(values) : await fromRouter(values, values.router),
  );
  return exitCodes.ok;
}

async function fromEndpoint(values: Values<typeof modelsSettings>): Promise<string> {
  const response = await ask(toEndpoint(values), "/models");
  const { data } = (await response.json()) as { data: { id: string; created: number; owned_by: string }[] };
  if (values.json) return toJson(data);
  return toTable(
    ["MODEL", "SINCE"],
    data.map(({ id, created }) => [id, toTime(created)]),
  );
}

async function fromRouter(values: Values<typeof modelsSettings>, address: string): Promise<string> {
  const found = await callOnce("router", address, async (transport, signal) => {
    const { models } = await createClient(RouterService, transport).listModels({}, { signal });
    return models.map(({ name, nodes, slots, contextLength, since }) => ({
      name,
      nodes,
      slots,
      context_length: contextLength,
      since: Number(since),
    }));
  });
  if (values.json) return toJson(found);
  return toTable(
    ["MODEL", "NODES", "SLOTS", "CONTEXT", "SINCE"],
    found.map(({ name, nodes, slots, context_length, since }) =>
      [name, nodes, slots, context_length, toTime(since)].map(String),
    ),
  );
}

const toJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Seconds since 1970 as a time that people read, in their own zone. */
const toTime = (seconds: number): string => new Date(seconds * 1000).toLocaleString("sv-SE");
