import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { projectFolder } from "../peers/cache.ts";
import { type Child, startChild } from "../processes/child.ts";
import { freePorts } from "../processes/ports.ts";
import { until } from "../processes/until.ts";
import { countDiffering, countFailed, longestGaps, openStreams } from "./streams.ts";

/** What is done to a process: it ends at once, or it stops without a word. */
export type Loss = "SIGKILL" | "SIGSTOP";

/** What is lost: the busiest node, one of two routers, both at the same moment, or the only router, which comes back. */
export type Lost = "node" | "router" | "router and node" | "only router";

/** What streams come to when processes are lost under them. */
export interface LossFigures {
  /** Streams that the lost processes had. */
  readonly moved: number;
  /** Streams that did not end with a finish reason. */
  readonly failed: number;
  /** Streams whose text or usage differs from that of the same question without a loss. */
  readonly differing: number;
  /** For each stream the longest time without a token after the loss, in milliseconds, ascending. */
  readonly gapsMs: readonly number[];
  /** The same for the same streams without a loss. */
  readonly undisturbedGapsMs: readonly number[];
}

/** The size of it. */
export interface LossPlan {
  readonly nodes: number;
  readonly streams: number;
  readonly tokens: number;
  /** Of each stream. */
  readonly tokensPerSecond: number;
}

const apiKey = "sk-bench-0123456789abcdef0123456789abcdef";
const model = "synthetic";
/** Every stream has shown so many tokens when the node is lost. */
const tokensBefore = 10;

/** Brings a mesh up, runs all streams without and with a loss, and takes it down. */
export async function loseProcess(loss: Loss, lost: Lost, plan: LossPlan): Promise<LossFigures> {
  const ports = await freePorts(4);
  const [registry, http, ...all] = ports.map((port) => `127.0.0.1:${port}`) as [
    string,
    string,
    string,
    string,
  ];
  const addresses = lost === "router" || lost === "router and node" ? all : all.slice(0, 1);
  const data = await mkdtemp(join(tmpdir(), "cxmpute-bench-"));
  const children: Child[] = [];
  const start = (...args: string[]) => {
    const child = startChild({
      program: process.execPath,
      args: [`${projectFolder}services/main.ts`, ...args, "--log-level", "error"],
      environment: { CXMPUTE_API_KEY: apiKey, CXMPUTE_DATA: join(data, String(children.length)) },
    });
    children.push(child);
    return child;
  };
  const startRouter = (address: string) => start("router", "--listen", address, "--registry", registry);
  const toRouters = addresses.flatMap((address) => ["--router", address]);
  const transports = addresses.map((address) => createGrpcTransport({ address }));
  const clients = transports.map((transport) => createClient(RouterService, transport));
  try {
    const services = [
      start("registry", "--listen", registry),
      ...addresses.map(startRouter),
      start("translator", "--listen", http, ...toRouters),
    ];
    const routers = services.slice(1, -1);
    await Promise.all(services.map((service) => service.says(/listening/, 20_000)));
    const engine = ["--engine", "synthetic", "--slots", String(plan.streams), "--first-token-ms", "0"];
    const pace = ["--tokens-per-second", String(plan.tokensPerSecond), "--arrivals", "random"];
    const nodes = Array.from({ length: plan.nodes }, (_, index) =>
      start("join", "--registry", registry, ...toRouters, "--node-id", `n${index}`, ...engine, ...pace),
    );
    const served = async () => {
      const lists = await Promise.all(clients.map((client) => client.listModels({}).catch(() => undefined)));
      return lists.map((list) => list?.models[0]?.nodes ?? 0);
    };
    await until(
      async () => (await served()).every((count) => count === plan.nodes),
      30_000,
      () => "A router never saw every node.",
    );

    const run = () => openStreams({ port: ports[1]!, apiKey, model, ...plan });
    const calm = run();
    await calm.allShow(tokensBefore);
    const calmAt = performance.now();
    const expected = await calm.ended;

    const streams = run();
    await streams.allShow(tokensBefore);
    const { verdicts } = await clients[0]!.explainRoute({ generation: { id: "look", model } });
    const busiest = verdicts.toSorted((a, b) => (b.load?.running ?? 0) - (a.load?.running ?? 0))[0]!;
    const struck = [
      ...(lost === "node" || lost === "router and node" ? [nodes[Number(busiest.node!.id.slice(1))]!] : []),
      ...(lost === "node" ? [] : [routers[0]!]),
    ];
    const lostAt = performance.now();
    for (const { pid } of struck) process.kill(pid, loss);
    if (lost === "only router") {
      await until(
        async () => !routers[0]!.alive,
        5000,
        () => "The router did not end.",
      );
      startRouter(addresses[0]!);
    }
    const seen = await streams.ended;
    if (loss === "SIGSTOP") for (const { pid } of struck) process.kill(pid, "SIGKILL");
    return {
      // A translator gives each router the same share.
      moved: lost === "node" ? (busiest.load?.running ?? 0) : plan.streams / addresses.length,
      failed: countFailed(seen),
      differing: countDiffering(seen, expected),
      gapsMs: longestGaps(seen, lostAt),
      undisturbedGapsMs: longestGaps(expected, calmAt),
    };
  } finally {
    for (const transport of transports) transport.close();
    await Promise.all(children.map((child) => child.stop()));
    await rm(data, { recursive: true });
  }
}
