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
import { openStreams, type SeenStream } from "./streams.ts";

/** What is done to a node: its process ends at once, or it stops without a word. */
export type Loss = "SIGKILL" | "SIGSTOP";

/** What streams come to when a node is lost under them. */
export interface LossFigures {
  /** Streams that the lost node was answering. */
  readonly moved: number;
  /** Streams that did not end with a finish reason. */
  readonly failed: number;
  /** Streams whose text differs from that of the same question without a loss. */
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
export async function loseNode(loss: Loss, plan: LossPlan): Promise<LossFigures> {
  const ports = await freePorts(3);
  const [registry, router, http] = ports.map((port) => `127.0.0.1:${port}`) as [string, string, string];
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
  const transport = createGrpcTransport({ address: router });
  const client = createClient(RouterService, transport);
  try {
    const services = [
      start("registry", "--listen", registry),
      start("router", "--listen", router, "--registry", registry),
      start("translator", "--listen", http, "--router", router),
    ];
    await Promise.all(services.map((service) => service.says(/listening/, 20_000)));
    const engine = ["--engine", "synthetic", "--slots", String(plan.streams), "--first-token-ms", "0"];
    const pace = ["--tokens-per-second", String(plan.tokensPerSecond), "--arrivals", "random"];
    const nodes = Array.from({ length: plan.nodes }, (_, index) =>
      start("join", "--registry", registry, "--router", router, "--node-id", `n${index}`, ...engine, ...pace),
    );
    const served = async () =>
      (await client.listModels({}).catch(() => ({ models: [] }))).models[0]?.nodes ?? 0;
    await until(
      async () => (await served()) === plan.nodes,
      30_000,
      () => "The router never saw every node.",
    );

    const run = () => openStreams({ port: ports[2]!, apiKey, model, ...plan });
    const calm = run();
    await calm.allShow(tokensBefore);
    const calmAt = performance.now();
    const expected = await calm.ended;

    const streams = run();
    await streams.allShow(tokensBefore);
    const { verdicts } = await client.explainRoute({ generation: { id: "look", model } });
    const busiest = verdicts.toSorted((a, b) => (b.load?.running ?? 0) - (a.load?.running ?? 0))[0]!;
    const lost = nodes[Number(busiest.node!.id.slice(1))]!;
    const lostAt = performance.now();
    process.kill(lost.pid, loss);
    const seen = await streams.ended;
    if (loss === "SIGSTOP") process.kill(lost.pid, "SIGKILL");
    return {
      moved: busiest.load?.running ?? 0,
      failed: seen.filter(({ finishReason }) => finishReason === undefined).length,
      differing: seen.filter(({ text }, index) => text !== expected[index]!.text).length,
      gapsMs: gaps(seen, lostAt),
      undisturbedGapsMs: gaps(expected, calmAt),
    };
  } finally {
    transport.close();
    await Promise.all(children.map((child) => child.stop()));
    await rm(data, { recursive: true });
  }
}

const gaps = (seen: readonly SeenStream[], after: number): number[] =>
  seen.map((stream) => stream.longestGapMs(after)).sort((a, b) => a - b);
