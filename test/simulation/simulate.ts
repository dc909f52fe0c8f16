import fc from "fast-check";
import { kinds } from "../../core/errors/kinds.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import type { GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { nodeIds, type Reader, routerIds, undisturbed, World } from "./world.ts";

/** Everything that can happen; to whom is chosen by a number. */
const question = fc.record({
  what: fc.constant("ask" as const),
  user: fc.constantFrom("u", "v"),
  maxTokens: fc.integer({ min: 1, max: 50 }),
  timeoutMs: fc.constantFrom(0, 0, 0, 1500),
  fault: fc.option(
    fc.record({ kind: fc.constantFrom("fail", "hang", "stall", "die"), afterTokens: fc.nat(20) } as const),
    { nil: undefined, freq: 6 },
  ),
});
const node = fc.constantFrom(...nodeIds);
const router = fc.constantFrom(...routerIds);
const anything = fc.oneof(
  { arbitrary: question, weight: 5 },
  {
    arbitrary: fc.record({ what: fc.constant("advance" as const), ms: fc.constantFrom(1, 60, 400, 2000) }),
    weight: 5,
  },
  { arbitrary: fc.record({ what: fc.constant("leave" as const), which: fc.nat(100) }), weight: 1 },
  { arbitrary: fc.record({ what: fc.constantFrom("kill node", "start node"), node } as const), weight: 1 },
  {
    arbitrary: fc.record({ what: fc.constantFrom("kill router", "start router"), router } as const),
    weight: 1,
  },
  fc.record({ what: fc.constant("stop router" as const), router, graceMs: fc.constantFrom(0, 1000) }),
  {
    arbitrary: fc.record({ what: fc.constantFrom("isolate", "heal"), whom: fc.oneof(node, router) } as const),
    weight: 1,
  },
);
/** One router and one node have all the trouble, and the others have room for all that is asked. */
const bearable = fc.oneof(
  {
    arbitrary: question.map((asked) => ({
      ...asked,
      timeoutMs: 0,
      maxTokens: asked.maxTokens,
      fault: undefined,
    })),
    weight: 1,
  },
  {
    arbitrary: fc.record({ what: fc.constant("advance" as const), ms: fc.constantFrom(60, 400, 2000) }),
    weight: 4,
  },
  fc.record({ what: fc.constantFrom("kill node", "start node"), node: fc.constant("a") } as const),
  fc.record({ what: fc.constantFrom("kill router", "start router"), router: fc.constant("1") } as const),
  fc.record({
    what: fc.constant("stop router" as const),
    router: fc.constant("1"),
    graceMs: fc.constantFrom(0, 1000),
  } as const),
  fc.record({ what: fc.constantFrom("isolate", "heal"), whom: fc.constantFrom("a", "1") } as const),
);
type Happening =
  | (typeof anything extends fc.Arbitrary<infer T> ? T : never)
  | (typeof bearable extends fc.Arbitrary<infer T> ? T : never);

/** What is simulated: whether any request may fail. */
export const scenarios = {
  "anything happens": { happenings: anything, mayFail: true },
  "one router and one node have all the trouble": { happenings: bearable, mayFail: false },
} as const;
export type Scenario = keyof typeof scenarios;

/** How to simulate. */
export interface Simulation {
  readonly scenario: Scenario;
  readonly runs: number;
  readonly seed?: number | undefined;
  /** Of one run, as a failure prints it. */
  readonly path?: string | undefined;
}

/** Runs simulations; throws a report of the smallest failing one, with its seed and path. */
export async function simulate({ scenario, runs, seed, path }: Simulation): Promise<void> {
  const { happenings, mayFail } = scenarios[scenario];
  const property = fc.asyncProperty(
    fc.array(happenings as fc.Arbitrary<Happening>, { minLength: 10, maxLength: 60 }),
    async (events) => {
      const world = await World.create();
      for (const event of events) await happen(world, event);
      await world.recover();
      for (const reader of world.readers) await check(reader, mayFail);
      demand(world.open === 0, `${world.open} generations are open in nodes`);
      const timers = await world.end();
      demand(timers === 0, `${timers} timers are left`);
    },
  );
  await fc.assert(property, {
    numRuns: runs,
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path }),
  });
}

function happen(world: World, event: Happening): Promise<void> | void {
  switch (event.what) {
    case "ask":
      return world.ask(event);
    case "advance":
      return world.clock.advance(event.ms);
    case "leave":
      return world.readers[event.which % Math.max(1, world.readers.length)]?.leave.abort(
        new MeshError("cancelled", "The caller left."),
      );
    case "kill node":
      return world.killNode(event.node);
    case "start node":
      return world.startNode(event.node);
    case "kill router":
      return world.killRouter(event.router);
    case "start router":
      return world.startRouter(event.router);
    case "stop router":
      return world.stopRouter(event.router, event.graceMs);
    case "isolate":
      return world.isolate(event.whom);
    case "heal":
      return world.heal(event.whom);
  }
}

/** No token twice, none left out, each counted; one end. */
async function check({ generation, events, outcome }: Reader, mayFail: boolean): Promise<void> {
  const { id } = generation;
  const cases = events.map(({ event }) => event.case);
  const count = (what: GenerationEvent["event"]["case"]) => cases.filter((one) => one === what).length;
  demand(outcome !== undefined, `${id} never ended`);
  demand(count("started") <= 1, `${id} started ${count("started")} times`);
  const text = events.map(({ event }) => (event.case === "delta" ? event.value.text : "")).join("");
  const endless = await undisturbed({ ...generation, limits: undefined });
  demand(endless.startsWith(text), `${id} says ${JSON.stringify(text)}, not ${JSON.stringify(endless)}`);
  if (outcome !== "finished") {
    const { kind, message } = outcome as MeshError;
    demand(kind in kinds && kind !== "internal", `${id} failed with ${kind}: ${message}`);
    demand(mayFail || kind === "cancelled", `${id} failed: ${kind}: ${message}`);
    return demand(count("finished") === 0, `${id} finished and failed`);
  }
  const last = events.at(-1)?.event;
  if (last?.case !== "finished" || count("finished") !== 1) throw new Error(`${id} has no end`);
  const { usage, continuations } = last.value;
  const tokens = usage?.completionTokens ?? 0;
  // Where an engine reports no token ids, text that waited in one frame counts as one token.
  if (continuations.some(({ exact }) => !exact)) return demand(tokens > 0, `${id} counts no token`);
  const whole = await undisturbed(generation);
  demand(text === whole, `${id} says ${JSON.stringify(text)}, not ${JSON.stringify(whole)}`);
  demand(tokens === generation.limits?.maxTokens, `${id} says ${JSON.stringify(text)} in ${tokens} tokens`);
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
