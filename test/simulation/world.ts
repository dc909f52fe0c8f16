import { create } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { MeshError, toMeshError } from "../../core/errors/mesh-error.ts";
import { register } from "../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../core/rpc/in-process-transport.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import {
  CallerSchema,
  type Generation,
  type GenerationEvent,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { InferenceService } from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import {
  Capabilities_Resume,
  CapabilitiesSchema,
  NodeSchema,
  type ServedModel,
} from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import type { Engine } from "../../services/inference/engine.ts";
import { syntheticOptionsSchema } from "../../services/inference/engines/synthetic/options.ts";
import { createSyntheticEngine } from "../../services/inference/engines/synthetic/synthetic-engine.ts";
import { GuardedEngines } from "../../services/inference/guard/guarded-engines.ts";
import { createInferenceService } from "../../services/inference/node/service.ts";
import { createRouter, type Router } from "../../services/router/index.ts";
import { RouterLink } from "../../services/translator/routers/router-link.ts";
import { createRouterPool } from "../../services/translator/routers/router-pool.ts";
import { FakeClock } from "../support/core/fake-clock.ts";
import { FakeRegistry } from "../support/router/mesh.ts";
import { generationOf } from "../support/router/router.ts";
import { Wire } from "./wire.ts";

/** `a` and `b` continue each other's answers exactly; `c` knows no token ids; `d` has others, of another vocabulary. */
export const nodeIds = ["a", "b", "c", "d"] as const;
export type NodeId = (typeof nodeIds)[number];
export const routerIds = ["1", "2"] as const;
export type RouterId = (typeof routerIds)[number];

/** What a reader asks for. */
export interface Question {
  readonly user: string;
  readonly maxTokens: number;
  /** 0 for none. */
  readonly timeoutMs: number;
  /** What strikes its engine after so many tokens. */
  readonly fault:
    | { readonly kind: "fail" | "hang" | "stall" | "die"; readonly afterTokens: number }
    | undefined;
}

/** One answer as its reader saw it. */
export interface Reader {
  readonly generation: Generation;
  readonly events: GenerationEvent[];
  readonly leave: AbortController;
  /** Undefined while it is open. */
  outcome: "finished" | MeshError | undefined;
}

const slots = 3;
const answerTokens = 60;

/** A translator, two routers and four nodes, all of them the real code, on one clock and a network of wires. */
export class World {
  readonly clock = new FakeClock();
  readonly readers: Reader[] = [];
  readonly #registry = new FakeRegistry();
  readonly #wires = new Map<string, Wire>();
  readonly #nodes = new Map<NodeId, SimulatedNode>();
  readonly #routers = new Map<RouterId, Router>();
  readonly #links: readonly RouterLink[];
  readonly #pool;

  private constructor() {
    this.#links = routerIds.map((id) => {
      const transport = this.#wire("translator", id).to(() => this.#transportOf(id));
      return new RouterLink({ transport, name: id, clock: this.clock, log: silentLog, random: () => 0.5 });
    });
    this.#pool = createRouterPool({ links: this.#links, clock: this.clock, log: silentLog });
  }

  /** Resolves once all are connected. */
  static async create(): Promise<World> {
    const world = new World();
    for (const id of nodeIds) await world.startNode(id);
    for (const id of routerIds) world.startRouter(id);
    await world.clock.advance(2000);
    return world;
  }

  ask({ user, maxTokens, timeoutMs, fault }: Question): void {
    const id = `g${this.readers.length}`;
    const generation = generationOf({
      id,
      caller: create(CallerSchema, { userId: user }),
      limits: { maxTokens, ...(timeoutMs === 0 ? {} : { timeoutMs }) },
      sampling: { seed: BigInt(this.readers.length) },
      ...(fault === undefined
        ? {}
        : { chatTemplateKwargsJson: JSON.stringify({ synthetic: { faults: [fault] } }) }),
    });
    const reader: Reader = { generation, events: [], leave: new AbortController(), outcome: undefined };
    this.readers.push(reader);
    const read = async () => {
      for await (const event of this.#pool.generate(generation, reader.leave.signal))
        reader.events.push(event);
    };
    read().then(
      () => {
        reader.outcome = "finished";
      },
      (error) => {
        reader.outcome = toMeshError(error);
      },
    );
  }

  async startNode(id: NodeId): Promise<void> {
    if (this.#nodes.has(id)) return;
    const node = await SimulatedNode.start(id, this.clock, () => this.killNode(id));
    this.#nodes.set(id, node);
    const models = node.guard.models;
    this.#registry.put(create(NodeSchema, { id, address: `${id}:1`, models }));
  }

  killNode(id: NodeId): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    this.#nodes.delete(id);
    for (const router of routerIds) this.#wire(router, id).cut();
    void node.guard.close(new MeshError("cancelled", "Killed."));
  }

  startRouter(id: RouterId): void {
    if (this.#routers.has(id)) return;
    this.#routers.set(
      id,
      createRouter({
        registry: this.#registry.transport,
        dial: (_address, nodeId) =>
          this.#wire(id, nodeId).to(() => this.#nodes.get(nodeId as NodeId)?.transport),
        clock: this.clock,
        log: silentLog,
        random: () => 0.5,
        onGenerationEnd: [],
        progressTimeoutMs: 8000,
      }),
    );
  }

  killRouter(id: RouterId): void {
    const router = this.#routers.get(id);
    if (router === undefined) return;
    this.#routers.delete(id);
    for (const wire of this.#wiresOf(id)) wire.cut();
    router.close();
  }

  /** A router ends in order: it drains for `graceMs` and then closes. */
  async stopRouter(id: RouterId, graceMs: number): Promise<void> {
    const router = this.#routers.get(id);
    if (router === undefined) return;
    const drained = router.drain(graceMs);
    await this.clock.advance(graceMs);
    await drained;
    if (this.#routers.get(id) !== router) return;
    router.close();
    // Its last frames leave before its connections break.
    await this.clock.advance(10);
    this.#routers.delete(id);
    for (const wire of this.#wiresOf(id)) wire.cut();
  }

  /** Nothing reaches a process any more or comes from it, until `heal`. */
  isolate(id: NodeId | RouterId): void {
    for (const wire of this.#wiresOf(id)) wire.silence();
  }

  heal(id: NodeId | RouterId): void {
    for (const wire of this.#wiresOf(id)) wire.heal();
  }

  /** Everything comes back, and all that is open gets the time to end. */
  async recover(): Promise<void> {
    for (const id of nodeIds) await this.startNode(id);
    for (const id of routerIds) this.startRouter(id);
    for (const wire of this.#wires.values()) wire.heal();
    for (let round = 0; round < 90 && this.readers.some(({ outcome }) => outcome === undefined); round++)
      await this.clock.advance(1000);
    await this.clock.advance(6000);
  }

  /** Generations that nodes still run or hold in their queues. */
  get open(): number {
    return [...this.#nodes.values()].reduce((sum, { guard }) => sum + guard.open, 0);
  }

  /** Ends every process; returns how many timers they leave behind. */
  async end(): Promise<number> {
    for (const link of this.#links) link.close(new MeshError("cancelled", "The end."));
    for (const router of this.#routers.values()) router.close();
    for (const { guard } of this.#nodes.values()) await guard.close(new MeshError("cancelled", "The end."));
    for (const wire of this.#wires.values()) wire.cut();
    await this.clock.advance(1000);
    return this.clock.pending;
  }

  #transportOf(id: RouterId): Transport | undefined {
    const router = this.#routers.get(id);
    if (router === undefined) return undefined;
    return createInProcessTransport([register(RouterService, router.implementation)]);
  }

  #wire(one: string, other: string): Wire {
    const name = `${one}-${other}`;
    const wire = this.#wires.get(name) ?? new Wire(this.clock);
    this.#wires.set(name, wire);
    return wire;
  }

  #wiresOf(id: string): Wire[] {
    return [...this.#wires].flatMap(([name, wire]) => (name.split("-").includes(id) ? wire : []));
  }
}

/** A node's guard around an engine, and how it is reached. */
class SimulatedNode {
  readonly guard: GuardedEngines;
  readonly transport: Transport;

  private constructor(guard: GuardedEngines, clock: FakeClock) {
    this.guard = guard;
    const service = createInferenceService({ generate: guard.generate, load: guard, clock, log: silentLog });
    this.transport = createInProcessTransport([register(InferenceService, service)]);
  }

  static async start(id: NodeId, clock: FakeClock, die: () => void): Promise<SimulatedNode> {
    const options = syntheticOptionsSchema.parse({ ...engineOptions, tokensPerSecond: 20, firstTokenMs: 50 });
    const engine = createSyntheticEngine(options, { clock, die });
    const guard = new GuardedEngines({
      nodeId: id,
      clock,
      engines: [disguises[id](engine)],
    });
    await guard.refresh(new AbortController().signal);
    return new SimulatedNode(guard, clock);
  }
}

const engineOptions = { model: "m", slots, answerTokens };

/** Differences of what a model reports, and of the token ids in its answers and in the answers that it continues. */
const disguise =
  (served: Partial<ServedModel>, toOwn: (id: number) => number[], fromOwn: (id: number) => number) =>
  (engine: Engine): Engine => ({
    ...engine,
    models: async (signal) =>
      (await engine.models(signal)).map((model) => ({
        ...model,
        ...served,
        capabilities: { ...model.capabilities!, ...served.capabilities },
      })),
    async *generate(generation, signal) {
      const { resume } = generation;
      const asked =
        resume === undefined
          ? generation
          : { ...generation, resume: { ...resume, tokenIds: resume.tokenIds.map(fromOwn) } };
      for await (const event of engine.generate(asked, signal)) {
        if (event.event.case === "delta")
          event.event.value.tokenIds = event.event.value.tokenIds.flatMap(toOwn);
        yield event;
      }
    },
  });

const asItIs = (engine: Engine): Engine => engine;
const textOnly = create(CapabilitiesSchema, { resume: Capabilities_Resume.TEXT });
const disguises: Readonly<Record<NodeId, (engine: Engine) => Engine>> = {
  a: asItIs,
  b: asItIs,
  c: disguise(
    { fingerprint: "", capabilities: textOnly },
    () => [],
    (id) => id,
  ),
  d: disguise(
    { fingerprint: "other" },
    (id) => [id + 1],
    (id) => id - 1,
  ),
};

/** What an undisturbed answer says. */
export async function undisturbed(generation: Generation): Promise<string> {
  const options = syntheticOptionsSchema.parse({ ...engineOptions, tokensPerSecond: 0 });
  const engine = createSyntheticEngine(options, { clock: new FakeClock() });
  let text = "";
  const asked = { ...generation, chatTemplateKwargsJson: "" };
  for await (const { event } of engine.generate(asked, new AbortController().signal))
    if (event.case === "delta") text += event.value.text;
  return text;
}
