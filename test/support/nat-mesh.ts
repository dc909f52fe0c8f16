import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Mesh, startMesh, untilReady } from "./mesh.ts";
import { type NatNetwork, natNetwork } from "./nat.ts";
import { cxmpute, type LogLine, type Program } from "./program.ts";
import { askWhole, type OpenStream, openStream, type Received } from "./streams.ts";

/** A mesh of real processes on this machine, and nodes of it behind NAT. */
export interface NatMesh {
  readonly network: NatNetwork;
  readonly mesh: Mesh;
  readonly routers: readonly Program[];
  /** Starts a node in the home network and waits until callers can be answered by it. */
  joinFromHome(name: string, engine: readonly string[]): Promise<Program>;
  /** The first line of each router's log, from a moment on, that says this of a node; with when it was written. */
  told(message: string, node: string, since: number): Promise<number[]>;
  /** Asks for short answers of `paced` until each router has one that this node gave from now on. */
  untilAnsweredBy(node: string): Promise<void>;
  /** Opens chats of `paced` with answers of so many tokens, and resolves once each of them has shown something. */
  openStreams(tokens: number): Promise<readonly OpenStream[]>;
  /** What came of them all, beside the same answers when nothing disturbs them, and how many lost the node on their way. */
  outcome(streams: readonly OpenStream[], tokens: number, lostNode: string): Promise<Outcome>;
  close(): Promise<void>;
}

/** What came of streams. */
export interface Outcome {
  readonly received: readonly Received[];
  readonly undisturbed: readonly Received[];
  readonly moved: number;
}

const streamCount = 24;
/** More than half of them, so that two nodes can hold them and one cannot: no node is without. */
const slots = 16;

/** What paced nodes run: answers of 30 tokens a second, and a second model with the same answers at once. */
export const paced = [
  ...["--engine", "synthetic", "--model", "paced", "--slots", `${slots}`],
  ...["--tokens-per-second", "30", "--answer-tokens", "1000"],
  ...["--synthetic-models", JSON.stringify({ "at-once": { tokensPerSecond: 0 } })],
];

/** Starts the network and the mesh, without any node. */
export async function startNatMesh(): Promise<NatMesh> {
  const network = natNetwork();
  const data = await mkdtemp(join(tmpdir(), "cxmpute-home-"));
  const nodes: Program[] = [];
  let mesh: Mesh | undefined;
  const close = async () => {
    await Promise.all(nodes.map((node) => node.stop("SIGKILL")));
    await mesh?.stop();
    network.close();
    await rm(data, { recursive: true, force: true });
  };
  try {
    mesh = await startMesh("in many processes", { nodes: [], host: network.outside });
  } catch (error) {
    await close();
    throw error;
  }
  const started = mesh;
  const routers = ["router-1", "router-2"].map((name) => started.programs.get(name)!);
  const fromHome = (address: string) => address.replace(network.outside, network.meshName);
  const told = async (message: string, node: string, since: number) => {
    const says = (line: LogLine) =>
      line.msg === message && line.node_id === node && Date.parse(line.time) >= since;
    const lines = await Promise.all(routers.map((router) => router.logged(says)));
    return lines.map((line) => Date.parse(line.time));
  };
  return {
    network,
    mesh: started,
    routers,
    told,
    async joinFromHome(name, engine) {
      const places = [
        ...["--registry", fromHome(started.registry)],
        ...started.routers.flatMap((router) => ["--router", fromHome(router)]),
      ];
      const own = ["--node-id", name, "--data", join(data, name)];
      const node = cxmpute(["join", ...own, ...places, ...engine], {}, network.home);
      nodes.push(node);
      await told("node connected", name, 0);
      await untilReady(started.url, started.programs);
      return node;
    },
    async untilAnsweredBy(node) {
      const since = Date.now();
      const isIts = (line: LogLine) =>
        line.msg === "generation finished" && line.node_id === node && Date.parse(line.time) >= since;
      // More for each router than the other node has room for.
      const many = [bodies, bodies, bodies].flat();
      while (!routers.every((router) => router.entries().some(isIts)))
        await Promise.all(many.map((body) => askWhole(started, { model: "paced", max_tokens: 5, ...body })));
    },
    async openStreams(tokens) {
      const streams: OpenStream[] = [];
      // A few at a time: two routers that begin at once each know only of their own.
      while (streams.length < bodies.length) {
        const few = bodies
          .slice(streams.length, streams.length + 4)
          .map((body) => openStream(started, { model: "paced", max_tokens: tokens, ...body }));
        streams.push(...few);
        await Promise.all(few.map(({ shown }) => shown));
      }
      return streams;
    },
    async outcome(streams, tokens, lostNode) {
      const received = await Promise.all(streams.map(({ whole }) => whole));
      const undisturbed = await Promise.all(
        bodies.map((body) => askWhole(started, { model: "at-once", max_tokens: tokens, ...body })),
      );
      const ids = new Set(received.map(({ id }) => id));
      const moved = routers
        .flatMap((router) => router.entries())
        .filter(({ msg, from }) => msg === "answer continued on another node" && from === lostNode)
        .filter(({ generation_id }) => ids.has(generation_id as string)).length;
      return { received: received.map(({ id: _, ...rest }) => rest), undisturbed, moved };
    },
    close,
  };
}

const bodies = Array.from({ length: streamCount }, (_, index) => ({
  messages: [{ role: "user", content: `Tell me the story number ${index}.` }],
  seed: index,
}));
