import { Call, routerStoppedCode, type StartAnswer } from "../../../core/answers/call.ts";
import { type ContinueAnswer, continueAnswer } from "../../../core/answers/continue-answer.ts";
import { DeliveryLog, nothing } from "../../../core/answers/delivery-log.ts";
import { SurvivingAnswer } from "../../../core/answers/surviving-answer.ts";
import type { Clock } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { PeerSilent, type RelayClient } from "../../../core/relay/contract.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ExplainRouteResponse, Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import type { RouterLink } from "./router-link.ts";

export type Link = Readonly<
  Pick<RouterLink, "name" | "relay" | "connected" | "suspected" | "draining" | "client">
>;

/** How to pool routers. */
export interface RouterPoolOptions {
  readonly links: readonly Link[];
  readonly clock: Clock;
  readonly log: Log;
}

/** All routers as one. */
export interface RouterPool {
  /** Answers through the least busy relay; when its router is lost, another one continues the answer. */
  readonly generate: Generate;
  /** The models that any router serves. */
  listModels(): Promise<readonly Model[]>;
  /** What a router would do with a generation. */
  explainRoute(generation: Generation, signal: AbortSignal): Promise<ExplainRouteResponse>;
}

/** Time limit of a unary call to one router, in milliseconds. */
const callTimeoutMs = 2000;

/** Pools routers. They know the same fleet, so any of them can answer anything. */
export function createRouterPool(options: RouterPoolOptions): RouterPool {
  const { links } = options;
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
    generate: createGenerate(options),
    async listModels() {
      return (await call((client) => client.listModels({}, { timeoutMs: callTimeoutMs }))).models;
    },
    explainRoute: (generation, signal) =>
      call((client) => client.explainRoute({ generation }, { signal, timeoutMs: callTimeoutMs })),
  };
}

/** One generation in the translator; its sources are routers. */
class PooledCall extends Call {
  /** Where it was last tried. */
  link: Link | undefined;
  relay: RelayClient | undefined;
}

/** How long a request that has lost its router waits for one, in milliseconds: enough for a router to restart. */
const patienceMs = 30_000;
/** The most attempts to continue an answer that may fail at routers. */
const attemptLimit = 4;

function createGenerate({ links, clock, log }: RouterPoolOptions): Generate {
  /** Tries one router after another. */
  const connect: StartAnswer<PooledCall> = async (call) => {
    let failure: unknown;
    for (;;) {
      const link = byPreference(links).find(({ relay, name }) => relay && !call.tried.includes(name));
      const relay = link?.relay;
      if (link === undefined || relay === undefined) throw failure ?? unreachable();
      call.attempts.push(link.name);
      call.tried.push(link.name);
      call.link = link;
      call.relay = relay;
      try {
        const rest = relay.generate(withTimeLeft(call, clock), call.signal)[Symbol.asyncIterator]();
        const { value, done } = await rest.next();
        if (done !== true) return { head: [value], rest };
        throw new MeshError("engine_failed", "The router ended the answer before it began.");
      } catch (error) {
        const { kind } = toMeshError(error);
        // An answer from a router is worth more than that another one is gone.
        if (failure === undefined || kind !== "node_lost") failure = error;
        if (call.ending !== undefined) throw error;
        if (await mayFailOver(error, call)) continue;
        call.failures += 1;
        throw error;
      }
    }
  };
  const onAnyRouter = continueAnswer<PooledCall>({
    start: connect,
    mayContinue: hasLostRouter,
    isPossible: () => true,
    clock,
    log,
    sourceName: "router",
    patienceMs,
    attemptLimit,
  });
  const continueOn: ContinueAnswer<PooledCall> = async (call, partial, failure) => {
    try {
      return await onAnyRouter(call, partial, failure);
    } catch (error) {
      throw error === failure && (await hasLostRouter(call, failure)) ? routerLost(failure) : error;
    }
  };
  /** Waits for a router when the one that had the request was lost before the answer began. */
  const start: StartAnswer<PooledCall> = async (call) => {
    try {
      return await connect(call);
    } catch (thrown) {
      return continueOn(
        call,
        { asked: call.asked, delivered: nothing, fingerprint: "" },
        toMeshError(thrown),
      );
    }
  };
  const parts = { start, continueOn, deliveries: new DeliveryLog(), sourcesContinue: true };
  return (generation, signal) => new SurvivingAnswer(new PooledCall(generation, clock.now()), signal, parts);
}

/** What is asked of the next router, with the time that the caller has left. */
function withTimeLeft({ generation, receivedAt }: Call, clock: Clock): Generation {
  const { limits } = generation;
  if (limits?.timeoutMs === undefined) return generation;
  const timeoutMs = Math.max(1, Math.round(limits.timeoutMs - (clock.now() - receivedAt)));
  return { ...generation, limits: { ...limits, timeoutMs } };
}

/**
 * Whether another router may answer what this one could not. Failures after a node was tried are final: retrying
 * would only multiply the load.
 */
async function mayFailOver(thrown: unknown, call: PooledCall): Promise<boolean> {
  const error = toMeshError(thrown);
  switch (error.kind) {
    // No node was tried. A router that has just started knows fewer nodes.
    case "no_nodes":
    case "model_not_found":
      return true;
    case "saturated":
      return call.link?.draining === true;
    default:
      return hasLostRouter(call, error);
  }
}

/** Whether a failure means the router itself, which has gone or is about to. */
async function hasLostRouter({ link, relay }: PooledCall, error: MeshError): Promise<boolean> {
  if (error.kind !== "node_lost" || relay === undefined) return false;
  return (
    error instanceof PeerSilent ||
    error.code === routerStoppedCode ||
    link?.draining === true ||
    hasEnded(relay)
  );
}

const routerLost = (cause: MeshError): MeshError =>
  new MeshError("node_lost", "The router of this answer was lost, and no router could continue it in time.", {
    code: "router_lost",
    cause,
  });

const hasEnded = (relay: RelayClient): Promise<boolean> =>
  new Promise((resolve) => {
    void relay.closed.then(() => resolve(true));
    // The relay fails its generations and resolves `closed` in the same turn.
    setImmediate(() => resolve(false));
  });

/** Connected routers first, silent ones last, then draining ones, then by the number of open generations. */
function byPreference(links: readonly Link[]): Link[] {
  if (links.length === 1) return [...links];
  return [...links].sort((a, b) => rank(a) - rank(b) || openOf(a) - openOf(b));
}

const rank = ({ connected, suspected, draining }: Link): number =>
  (connected ? 0 : 4) + (suspected ? 2 : 0) + (draining ? 1 : 0);

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
