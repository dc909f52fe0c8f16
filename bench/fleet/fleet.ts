import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { Role } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { projectFolder } from "../peers/cache.ts";
import { type Child, startChild, startScript } from "../processes/child.ts";
import { cpuMicros } from "../processes/cpu.ts";
import { freePorts } from "../processes/ports.ts";
import { until } from "../processes/until.ts";
import { type Told, watch } from "./watch.ts";

/** What a fleet of real nodes costs a registry and a router, each a process of its own. */
export interface FleetFigures {
  readonly nodes: number;
  /** From the first registration until the router could use every node, in milliseconds. */
  readonly joinedMs: number;
  /** Resident memory that came with the nodes, for each of them, in KiB. */
  readonly memoryKib: { readonly registry: number; readonly router: number; readonly node: number };
  /** What a watch was told while the nodes joined. */
  readonly joining: Told;
  /** What it was told, a second, while nothing happened. */
  readonly idling: Told;
  readonly snapshotBytes: number;
  /** CPU time while nothing happened: microseconds a second and node. */
  readonly idleMicros: { readonly registry: number; readonly router: number };
  /** CPU time of the router for one generation of eight tokens, in microseconds. */
  readonly requestMicros: number;
}

/** How long the fleet is left alone to see what it costs to have it, in milliseconds. */
const idleMs = 10_000;
const requestsAtOnce = 64;

/** Brings a fleet up, measures it and takes it down. */
export async function measureFleet(nodes: number, requests: number): Promise<FleetFigures> {
  const [registry, router] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`) as [string, string];
  const children: Child[] = [];
  const command = (...args: string[]) => {
    const child = startChild({
      program: process.execPath,
      args: [`${projectFolder}services/main.ts`, ...args, "--log-level", "error"],
    });
    children.push(child);
    return child;
  };
  const transport = createGrpcTransport({ address: router });
  const client = createClient(RouterService, transport);
  const served = async () =>
    (await client.listModels({}).catch(() => ({ models: [] }))).models.find(
      ({ name }) => name === "synthetic",
    )?.nodes ?? 0;
  try {
    const registryChild = command("registry", "--listen", registry);
    const routerChild = command("router", "--listen", router, "--registry", registry);
    await registryChild.says(/listening/, 20_000);
    await routerChild.says(/listening/, 20_000);
    const before = { registry: memoryKib(registryChild), router: memoryKib(routerChild) };
    const watching = watch(registry);

    const begun = performance.now();
    const host = startScript<never, { ready: boolean }>(new URL("./nodes.ts", import.meta.url), [
      String(nodes),
      registry,
      router,
    ]);
    children.push(host);
    await host.next(300_000);
    await until(
      async () => (await served()) === nodes,
      60_000,
      () => "The router never saw every node.",
    );
    const joinedMs = performance.now() - begun;
    const joining = watching.take();

    const cpu = () => ({ registry: cpuMicros([registryChild.pid]), router: cpuMicros([routerChild.pid]) });
    await pause(2000);
    watching.take();
    const idleFrom = cpu();
    await pause(idleMs);
    const idleTo = cpu();
    const idle = watching.take();
    const perSecondAndNode = (micros: number) => micros / (idleMs / 1000) / nodes;
    const snapshotBytes = await watching.snapshotBytes();
    watching.close();
    const memory = {
      registry: (memoryKib(registryChild) - before.registry) / nodes,
      router: (memoryKib(routerChild) - before.router) / nodes,
      node: memoryKib(host) / nodes,
    };

    await ask(client, requests / 4);
    const workFrom = cpu();
    await ask(client, requests);
    const requestMicros = (cpu().router - workFrom.router) / requests;
    return {
      nodes,
      joinedMs,
      memoryKib: memory,
      joining,
      idling: { changes: idle.changes / (idleMs / 1000), bytes: idle.bytes / (idleMs / 1000) },
      snapshotBytes,
      idleMicros: {
        registry: perSecondAndNode(idleTo.registry - idleFrom.registry),
        router: perSecondAndNode(idleTo.router - idleFrom.router),
      },
      requestMicros,
    };
  } finally {
    transport.close();
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** Asks the router for so many short generations. Throws when one of them fails. */
async function ask(client: ReturnType<typeof createClient<typeof RouterService>>, count: number) {
  let left = Math.round(count);
  const one = async () => {
    while (left-- > 0) {
      const parts = [{ part: { case: "text" as const, value: "Say something." } }];
      const generation = {
        id: randomUUID(),
        model: "synthetic",
        messages: [{ role: Role.USER, parts }],
        limits: { maxTokens: 8 },
      };
      for await (const _ of client.generate({ generation }));
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, one));
}

/** Resident memory of a process, in KiB. */
function memoryKib({ pid }: Child): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
