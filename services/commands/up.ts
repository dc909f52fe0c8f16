import { createClient } from "@connectrpc/connect";
import { sleep, systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import { register } from "../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../core/rpc/in-process-transport.ts";
import { logGenerations } from "../../core/telemetry/generation-record.ts";
import { InferenceService } from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { createNode, readHardware } from "../inference/index.ts";
import { createRegistry, openStore } from "../registry/index.ts";
import { createRouter } from "../router/index.ts";
import { createTranslator } from "../translator/index.ts";
import { apiKeyFile, keepApiKey } from "./api-key.ts";
import { toEngine } from "./engine.ts";
import { invocation, shellQuote, version } from "./places.ts";
import { type ShownKey, toScreen, unknownKey } from "./screen.ts";
import { serve } from "./service.ts";
import { assignUsers, defaultUser } from "./settings/api-keys.ts";
import { chatSettings } from "./settings/clients.ts";
import { toRouterLimits, toSurface } from "./settings/parts.ts";
import type { upSettings } from "./settings/services.ts";

/**
 * Runs the whole mesh in this process until a signal ends it. Only the translator logs for people:
 *     translator ──▶ router ──▶ node ──▶ engine
 *                       └──▶ registry ◀──┘
 */
export function up(values: Values<typeof upSettings>): Promise<number> {
  const clock = systemClock;
  return serve("up", values, {}, async ({ signal, add, logFor, readyWhen }) => {
    const { listen } = values;
    const isDetail = { isDetail: true };
    const keys = toKeys(values);

    // The translator is added last, so it drains first, and nothing new comes in.
    const store = await openStore("memory", { clock });
    const registry = createRegistry({ store, clock, log: logFor("registry", isDetail) });
    const toRegistry = createInProcessTransport([register(RegistryService, registry.implementation)]);
    add({ name: "registry", stop: () => registry.close() });

    const dial = () => createInProcessTransport([register(InferenceService, node.implementation)]);
    const routerLog = logFor("router", isDetail);
    const router = createRouter({
      registry: toRegistry,
      dial,
      ...toRouterLimits(values),
      clock,
      log: routerLog,
      onGenerationEnd: [logGenerations(routerLog, isDetail)],
    });
    const toRouter = createInProcessTransport([register(RouterService, router.implementation)]);
    add({ name: "router", drain: (graceMs) => router.drain(graceMs), stop: () => router.close() });

    const inferenceLog = logFor("inference", isDetail);
    const node = createNode({
      id: "local",
      engines: [toEngine(values, { clock, log: inferenceLog })],
      registry: { transport: toRegistry, name: "the registry" },
      routers: [],
      advertise: ownAddress,
      version,
      readHardware,
      clock,
      log: inferenceLog,
      onGenerationEnd: [logGenerations(inferenceLog, isDetail)],
    });
    add({ name: "node", drain: (graceMs) => node.drain(graceMs), stop: () => node.close() });

    const config = { listen, keys, ...toSurface(values) };
    const translator = await createTranslator({
      routers: [toRouter],
      config,
      clock,
      log: logFor("translator"),
    });
    add({
      name: "translator",
      drain: (graceMs) => translator.drain(graceMs),
      stop: () => translator.close(),
    });

    // From here on it serves, with 503 until the model is loaded.
    const url = await translator.listen().catch((error: unknown) => {
      throw toListenFault(error, listen);
    });
    readyWhen(() => translator.whyNotReady());
    await node.start(signal);
    const models = await untilServed(createClient(RouterService, toRouter), signal);

    process.stdout.write(
      toScreen({
        version,
        startedInMs: performance.now(),
        baseUrl: `${url}/v1`,
        keys,
        keyOrigin: values.apiKeys.length === 0 ? `kept in ${apiKeyFile(values.data)}` : "as configured",
        models,
        chat: toChatCommand(values, `${url}/v1`),
      }),
    );
  });

  /** The names of the models once there is one: the router sees the node a moment after its start. */
  async function untilServed(
    router: ReturnType<typeof createClient<typeof RouterService>>,
    signal: AbortSignal,
  ): Promise<string[]> {
    for (;;) {
      const { models } = await router.listModels({}, { signal });
      if (models.length > 0) return models.map(({ name }) => name);
      await sleep(clock, 10, signal);
    }
  }
}

/** The configured keys; without any, the one in the data folder, whose holder runs this mesh. */
const toKeys = ({ apiKeys, userId, data }: Values<typeof upSettings>): ShownKey[] =>
  apiKeys.length > 0
    ? assignUsers(apiKeys, userId)
    : [{ key: keepApiKey(data), userId: userId ?? defaultUser, role: "operator" }];

/** The command that chats with this mesh, with the flags that differ from the defaults. */
function toChatCommand(values: Values<typeof upSettings>, baseUrl: string): string {
  const { apiKeys, data } = values;
  const [first] = apiKeys;
  const { table } = chatSettings;
  return [
    ...(first === undefined ? [] : [`CXMPUTE_API_KEY=${shellQuote(first.key ?? unknownKey)}`]),
    invocation,
    "chat",
    ...(baseUrl === table.baseUrl.default ? [] : ["--base-url", shellQuote(baseUrl)]),
    ...(data === table.data.default ? [] : ["--data", shellQuote(data)]),
  ].join(" ");
}

/** The node's address, a placeholder: only this node can register here. */
const ownAddress = "in-process:1";
