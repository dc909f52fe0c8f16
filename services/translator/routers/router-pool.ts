import type { Kind } from "../../../core/errors/kinds.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import { type PushEnd, type PushSource, pushTo, type Sink } from "../../../core/streams/push.ts";
import type { Generation, GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ExplainRouteResponse, Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import type { RouterLink } from "./router-link.ts";

export type Link = Readonly<Pick<RouterLink, "relay" | "connected" | "draining" | "client">>;

/** All routers as one. */
export interface RouterPool {
  /** Answers through the least busy relay; fails over when a router is lost before the first event. */
  readonly generate: Generate;
  /** The models that any router serves. */
  listModels(): Promise<readonly Model[]>;
  /** What a router would do with a generation. */
  explainRoute(generation: Generation, signal: AbortSignal): Promise<ExplainRouteResponse>;
}

/** Time limit of a unary call to one router, in milliseconds. */
const callTimeoutMs = 2000;

/** Pools routers. They know the same fleet, so any of them can answer anything. */
export function createRouterPool(links: readonly Link[]): RouterPool {
  const call = async <T>(run: (client: Link["client"]) => Promise<T>): Promise<T> => {
    let failure: unknown;
    for (const { client } of byPreference(links))
      try {
        return await run(client);
      } catch (error) {
        failure = error;
        if (!isUnreachable(error)) break;
      }
    throw failure === undefined || isUnreachable(failure) ? unreachable(failure) : failure;
  };
  return {
    generate: (generation, signal) => ({
      [Symbol.asyncIterator]: () => new PooledAnswer(links, generation, signal),
    }),
    async listModels() {
      return (await call((client) => client.listModels({}, { timeoutMs: callTimeoutMs }))).models;
    },
    explainRoute: (generation, signal) =>
      call((client) => client.explainRoute({ generation }, { signal, timeoutMs: callTimeoutMs })),
  };
}

/**
 * One generation, tried on one router after another until its first event. Later events are passed through without a
 * layer, which would cost half a microsecond per token.
 */
class PooledAnswer implements PushSource<GenerationEvent> {
  readonly #links: readonly Link[];
  readonly #generation: Generation;
  readonly #signal: AbortSignal;
  #events: AsyncIterator<GenerationEvent> | undefined;
  #left = false;

  constructor(links: readonly Link[], generation: Generation, signal: AbortSignal) {
    this.#links = links;
    this.#generation = generation;
    this.#signal = signal;
  }

  next(): Promise<IteratorResult<GenerationEvent>> {
    return this.#events === undefined ? this.#start() : this.#events.next();
  }

  async pushTo(sink: Sink<GenerationEvent>): Promise<PushEnd> {
    if (this.#events === undefined) {
      const first = await this.#start();
      if (first.done === true) return "ended";
      if (!sink.take(first.value)) return "stopped";
    }
    return this.#events === undefined ? "ended" : pushTo(this.#events, sink);
  }

  async return(): Promise<IteratorResult<GenerationEvent>> {
    this.#left = true;
    await this.#events?.return?.();
    return { value: undefined, done: true };
  }

  async #start(): Promise<IteratorResult<GenerationEvent>> {
    const tried = new Set<Link>();
    let failure: unknown;
    while (!this.#left) {
      const link = byPreference(this.#links).find((candidate) => candidate.relay && !tried.has(candidate));
      const relay = link?.relay;
      if (link === undefined || relay === undefined) throw failure ?? unreachable();
      tried.add(link);
      try {
        this.#events = relay.generate(this.#generation, this.#signal)[Symbol.asyncIterator]();
        return await this.#events.next();
      } catch (error) {
        this.#events = undefined;
        const { kind } = toMeshError(error);
        // An answer from a router is worth more than that another one is gone.
        if (failure === undefined || kind !== "node_lost") failure = error;
        if (this.#signal.aborted || !(await mayFailOver(kind, link, relay))) throw error;
      }
    }
    return { value: undefined, done: true };
  }
}

/**
 * Whether another router may answer what this one could not. Failures after a node was tried are final: retrying
 * would only multiply the load.
 */
async function mayFailOver(kind: Kind, link: Link, relay: RelayClient): Promise<boolean> {
  switch (kind) {
    // No node was tried. A router that has just started knows fewer nodes.
    case "no_nodes":
    case "model_not_found":
      return true;
    case "saturated":
      return link.draining;
    case "node_lost":
      return hasEnded(relay);
    default:
      return false;
  }
}

/** Whether the relay has ended, so that `node_lost` means the router itself. */
const hasEnded = (relay: RelayClient): Promise<boolean> =>
  new Promise((resolve) => {
    void relay.closed.then(() => resolve(true));
    // The relay fails its generations and resolves `closed` in the same turn.
    setImmediate(() => resolve(false));
  });

/** Connected routers first, draining ones last, then by the number of open generations. */
function byPreference(links: readonly Link[]): Link[] {
  if (links.length === 1) return [...links];
  return [...links].sort((a, b) => rank(a) - rank(b) || openOf(a) - openOf(b));
}

const rank = ({ connected, draining }: Link): number => (connected ? 0 : 2) + (draining ? 1 : 0);

const openOf = ({ relay }: Link): number => relay?.open ?? Number.POSITIVE_INFINITY;

/** Whether a unary call failed because of the router, not the question. */
function isUnreachable(error: unknown): boolean {
  const { kind } = toMeshError(error);
  return kind === "node_lost" || kind === "deadline" || kind === "internal";
}

/** OpenAI's sentence, which clients match, and the reason. */
const unreachable = (cause?: unknown) =>
  new MeshError(
    "no_nodes",
    "The engine is currently overloaded, please try again later. (No router can be reached.)",
    { retryAfterMs: 1000, cause },
  );
