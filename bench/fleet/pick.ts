import { systemClock } from "../../core/clock.ts";
import { needsOf } from "../../core/generation/capabilities.ts";
import { createLog } from "../../core/telemetry/log.ts";
import { ToolChoice_Mode } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Node } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { ModelEndpoint } from "../../services/router/fleet/endpoint.ts";
import { Fleet } from "../../services/router/fleet/fleet.ts";
import { pick } from "../../services/router/routing/pick.ts";
import { profiles } from "../../services/router/routing/profile.ts";
import { findRoom } from "../../services/router/routing/room.ts";
import { fakeRelay, generationOf, nodeOf } from "../../test/support/router/router.ts";

/** How the nodes of a fleet stand when one of them is picked. */
export interface Scene {
  readonly name: string;
  /** Every node is described and then told its load by this. */
  readonly node: (index: number) => { node: Node; running: number };
  /** What is asked for. */
  readonly generation: Parameters<typeof generationOf>[0];
}

const slots = 4;
const idOf = (index: number) => `node-${index.toString(36).padStart(6, "0")}`;

/** From the easiest to the hardest: all alike, each different, few that can, and none that is free. */
export const scenes: readonly Scene[] = [
  {
    name: "all idle",
    node: (index) => ({ node: nodeOf(idOf(index), {}, { slots }), running: 0 }),
    generation: {},
  },
  {
    name: "each as busy as it happens",
    node: (index) => ({ node: nodeOf(idOf(index), {}, { slots }), running: (index * 7) % (slots + 1) }),
    generation: {},
  },
  {
    name: "one in ten can be forced to call a tool",
    node: (index) => ({
      node: nodeOf(idOf(index), {}, index % 10 === 0 ? { slots } : { slots, capabilities: {} }),
      running: 0,
    }),
    generation: { tools: [{ name: "f" }], toolChoice: { mode: ToolChoice_Mode.REQUIRED } },
  },
  {
    name: "all full",
    node: (index) => ({ node: nodeOf(idOf(index), {}, { slots }), running: slots }),
    generation: {},
  },
];

/** Time that one pick takes among so many nodes, in microseconds: the look for room and the choice. */
export function timePick({ node, generation }: Scene, nodes: number, picks: number): number {
  const fleet = new Fleet({ clock: systemClock, log: createLog({ service: "bench", level: "silent" }) });
  const members = Array.from({ length: nodes }, (_, index) => node(index));
  fleet.list(new Map(members.map((member) => [member.node.id, member.node])));
  for (const member of members) {
    const relay = fakeRelay();
    relay.setLoad({ models: [{ model: "m", slots, running: member.running }] });
    fleet.connect(member.node.id, relay);
  }
  // What a router has learned of each of them, long enough ago that it fades.
  for (const [index, endpoint] of (fleet.candidates("m") as readonly ModelEndpoint[]).entries()) {
    const learnedAt = systemClock.now() - 5000;
    endpoint.learnFirstToken(50 + (index % 97), learnedAt);
    endpoint.learnFinish(900 + (index % 89), 8 + (index % 13), learnedAt);
  }
  const one = (number: number): void => {
    const asked = generationOf({ ...generation, id: `generation-${number}` });
    const request = { generation: asked, needs: needsOf(asked), tried: [] };
    findRoom(request, fleet.candidates("m"));
    if (pick(request, fleet.candidates("m"), profiles.interactive) === undefined)
      throw new Error("Nobody was picked.");
  };
  for (let number = 0; number < picks / 4; number++) one(number);
  const begun = performance.now();
  for (let number = 0; number < picks; number++) one(number);
  return ((performance.now() - begun) * 1000) / picks;
}
