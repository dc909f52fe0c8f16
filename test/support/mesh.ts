import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cxmpute, type Program, type ProgramOptions } from "./program.ts";

/** A whole mesh of real processes, ready to answer. */
export interface Mesh {
  /** Such as `http://127.0.0.1:40123`, without a path. */
  readonly url: string;
  readonly apiKey: string;
  readonly userId: string;
  /** The model that its nodes serve. */
  readonly model: string;
  /** Where gRPC is served; empty in one process. */
  readonly registry: string;
  readonly routers: readonly string[];
  /** Where the dialled nodes serve gRPC. */
  readonly dialled: readonly string[];
  /** The processes by name: `up`, or `registry`, `router-1`, `router-2`, `translator`, `dialled`, `attached`. */
  readonly programs: ReadonlyMap<string, Program>;
  /** Adds an inference node and waits until a router can use it. */
  join(name: string, args?: readonly string[], options?: { dialled?: boolean }): Promise<Program>;
  /** Stops a process, by SIGTERM unless told otherwise, and starts it again as it was. Resolves with how it ended. */
  restart(name: string, signal?: NodeJS.Signals): ReturnType<Program["stop"]>;
  /** Headers of a request that is allowed. */
  readonly headers: Readonly<Record<string, string>>;
  /** Ends every process and removes what they wrote. */
  stop(): Promise<void>;
}

/** The two shapes in which the same services run. */
export const shapes = ["in one process", "in many processes"] as const;
export type Shape = (typeof shapes)[number];

/** The account that meshes of tests know. */
export const testAccount = {
  apiKey: "sk-cx-test-0123456789abcdef0123456789abcdef",
  userId: "user-test",
} as const;
const { apiKey, userId } = testAccount;
const environment = { CXMPUTE_API_KEY: apiKey, CXMPUTE_USER_ID: userId };

/** What the nodes run: the real engine with the starter model. */
export const realEngine = ["--engine", "llama-cpp", "--model", "models/starter.gguf"];

/** Starts a mesh in a shape, with these engine options on each node, and waits until it is ready. */
export async function startMesh(
  shape: Shape,
  options: {
    engine?: readonly string[];
    model?: string;
    nodes?: readonly ("dialled" | "attached")[];
    /** How many routers there are, in many processes; default: 2. */
    routers?: number;
    /** Settings of every router, or of the one process. */
    routing?: readonly string[];
    /** Settings of the translator, or of the one process. */
    surface?: readonly string[];
    /** Where registry and routers listen; default: loopback. */
    host?: string;
  } & ProgramOptions = {},
): Promise<Mesh> {
  const engine = options.engine ?? realEngine;
  const routing = options.routing ?? [];
  const surface = options.surface ?? [];
  const model = options.model ?? (engine.includes("synthetic") ? "synthetic" : "starter");
  const data = await mkdtemp(join(tmpdir(), "cxmpute-test-"));
  const programs = new Map<string, Program>();
  const started = new Map<string, readonly string[]>();
  const start = (name: string, args: readonly string[]): Program => {
    const program = cxmpute([...args, "--data", join(data, name)], environment, undefined, options);
    programs.set(name, program);
    started.set(name, args);
    return program;
  };
  const restart = async (name: string, signal?: NodeJS.Signals) => {
    const ended = await programs.get(name)!.stop(signal);
    start(name, started.get(name)!);
    return ended;
  };
  const stop = async () => {
    await Promise.all([...programs.values()].map((program) => program.stop("SIGKILL")));
    await rm(data, { recursive: true, force: true });
  };
  try {
    const http = await freeAddress();
    let registry = "";
    const routers: string[] = [];
    const dialledAt: string[] = [];
    const join = async (name: string, args = engine, { dialled = false } = {}): Promise<Program> => {
      const flags = ["--registry", registry, ...routers.flatMap((router) => ["--router", router])];
      const address = dialled ? await freeAddress() : undefined;
      if (address !== undefined) dialledAt.push(address);
      const advertise = address === undefined ? [] : ["--advertise", address];
      const node = start(name, ["join", "--node-id", name, ...flags, ...advertise, ...args]);
      await Promise.all(
        routers.map((_, index) =>
          programs
            .get(`router-${index + 1}`)
            ?.logged((line) => line.msg === "node connected" && line.node_id === name),
        ),
      );
      return node;
    };
    // At level debug the services within one process log what those apart log of a generation.
    if (shape === "in one process")
      start("up", ["up", "--listen", http, "--log-level", "debug", ...surface, ...routing, ...engine]);
    else {
      registry = await freeAddress(options.host);
      while (routers.length < (options.routers ?? 2)) routers.push(await freeAddress(options.host));
      start("registry", ["registry", "--listen", registry]);
      for (const [index, router] of routers.entries())
        start(`router-${index + 1}`, ["router", "--listen", router, "--registry", registry, ...routing]);
      start("translator", [
        "translator",
        "--listen",
        http,
        ...routers.flatMap((router) => ["--router", router]),
        ...surface,
      ]);
      await Promise.all(
        (options.nodes ?? ["dialled", "attached"]).map((name) =>
          join(name, engine, { dialled: name === "dialled" }),
        ),
      );
    }
    const url = `http://${http}`;
    // Without nodes it cannot be ready, only alive.
    await untilReady(url, programs, options.nodes?.length === 0 ? "/healthz" : "/readyz");
    const headers = {
      authorization: `Bearer ${apiKey}`,
      "x-user-id": userId,
      "content-type": "application/json",
    };
    return {
      url,
      apiKey,
      userId,
      model,
      registry,
      routers,
      dialled: dialledAt,
      programs,
      join,
      restart,
      headers,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves once a node has seen all that its model can do. On a busy machine it may have joined before that. */
export const hasProbed = (node: Program | undefined): Promise<unknown> =>
  node?.logged(({ msg }) => msg.endsWith("was probed")) ??
  Promise.reject(new Error("There is no such node."));

/** Polls `/readyz` (or `/healthz`), as a load balancer would, until it answers 200. */
export async function untilReady(
  url: string,
  programs: ReadonlyMap<string, Program>,
  path: "/readyz" | "/healthz" = "/readyz",
): Promise<void> {
  const deadline = Date.now() + 100_000;
  for (;;) {
    const status = await fetch(url + path).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    const dead = [...programs].find(([, { child }]) => child.exitCode !== null);
    if (dead !== undefined || Date.now() > deadline) {
      const said = [...programs].map(
        ([name, program]) => `${name}:\n${program.stdout()}\n${program.stderr()}`,
      );
      throw new Error(`The mesh did not get ready (${dead?.[0] ?? "time is over"}).\n${said.join("\n\n")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * An address, of loopback unless told otherwise, that nobody listens on now, and that this function gives to nobody else. Not a port that the
 * kernel chooses: it chooses among those from which connections are made, so it could give it away again before the
 * program listens, and has.
 */
export async function freeAddress(host = "127.0.0.1"): Promise<string> {
  for (;;) {
    const port = firstPort + (nextPort++ % portsOfWorker);
    if (await isFree(host, port)) return `${host}:${port}`;
  }
}

/** Each of the workers that run tests beside each other has ports of its own, below those that the kernel gives out. */
const portsOfWorker = 1000;
const firstPort = 20_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 12) * portsOfWorker;
/** Test files follow each other on a worker; what the last one used may still be winding down. */
let nextPort = process.pid;

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}
