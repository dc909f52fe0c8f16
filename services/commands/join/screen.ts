import { cutTo, padTo, printable, widthOf, wrap } from "../../../core/terminal.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Membership } from "../membership.ts";
import type { Offer, Source } from "./find-offer.ts";
import { betterModel } from "./hints.ts";

/** A node's offer and its mesh, for the screen. */
export interface JoinFacts
  extends Pick<Offer, "searched" | "starter" | "leftOut">,
    Pick<Membership, "nodeId" | "registry" | "routers"> {
  readonly version: string;
  readonly sources: readonly SourceFacts[];
  /** HOST:PORT at which routers dial the node; undefined when it dials them. */
  readonly advertise: string | undefined;
}

/** One engine and what it offers. */
export interface SourceFacts extends Pick<Source, "title" | "place"> {
  readonly models: readonly ModelFacts[];
}

/** One offered model. */
export interface ModelFacts extends Pick<ServedModel, "engineName" | "contextLength" | "slots"> {
  readonly name: string;
  /** Canonical names that the engine's own may stand for. */
  readonly candidates: readonly string[];
  /** The engine that already offers this name. */
  readonly takenBy?: string;
}

/** What `cxmpute join` prints once its engines are ready. */
export function toJoinScreen(facts: JoinFacts): string {
  return [
    "",
    ...toHeading(facts),
    ...facts.sources.flatMap(toSourceLines),
    ...toLeftOut(facts.leftOut),
    "",
    ...toMeshLines(facts),
    "",
    "Ctrl-C leaves the mesh once open answers have finished.",
    "",
    "",
  ].join("\n");
}

function toHeading({ version, searched, starter, sources }: JoinFacts): string[] {
  if (sources.length === 0)
    return [`cxmpute ${version} offers nothing yet: it asks its engines again every ten seconds.`];
  if (!starter)
    return [searched ? `cxmpute ${version} found on this machine and offers:` : `cxmpute ${version} offers:`];
  return [
    ...wrap(
      `cxmpute ${version} found no engine that answers on this machine, so it offers the starter model. It is very small and only good for trying out the mesh. For a better one,`,
    ),
    ...betterModel.flatMap((way) => wrap(way, "  ", 4)),
  ];
}

function toSourceLines({ title, place, models }: SourceFacts): string[] {
  const width = Math.min(40, Math.max(...models.map(({ name }) => widthOf(name))));
  return [
    "",
    ...wrap(`${title} ${place}`, "  ", 4),
    ...models.flatMap((model) => toModelLines(model, width)),
  ];
}

function toModelLines(model: ModelFacts, width: number): string[] {
  const { name, engineName, contextLength, slots, candidates, takenBy } = model;
  if (takenBy !== undefined) return wrap(`offered already, by ${takenBy}`, toLead(name, width), 6);
  const facts = [
    `${slots} ${slots === 1 ? "slot" : "slots"}`,
    `${contextLength} tokens of context`,
    ...(engineName === name ? [] : [`there called ${engineName}`]),
  ].join(", ");
  return [
    ...wrap(facts, toLead(name, width), 6),
    ...(candidates.length === 0
      ? []
      : wrap(
          `may be ${anyOf(candidates)}; offered under its own name until you say which: --as ${engineName}=${candidates[0]}`,
          "      ",
        )),
  ];
}

const toLead = (name: string, width: number): string => cutTo(`    ${padTo(printable(name), width)}  `, 90);

/** At most four of them. */
function anyOf(names: readonly string[]): string {
  if (names.length > 4) return `${names.slice(0, 3).join(", ")} or ${names.length - 3} others`;
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

const toLeftOut = (sentences: readonly string[]): string[] =>
  sentences.length === 0 ? [] : ["", "Not offered:", ...sentences.flatMap((one) => wrap(one, "  ", 4))];

function toMeshLines({ nodeId, registry, routers, advertise }: JoinFacts): string[] {
  const way =
    advertise === undefined
      ? `${routers.join(", ")} (dialled from here: no open port is needed)`
      : `dial this node at ${advertise}`;
  return [...wrap(nodeId, "  Node      "), ...wrap(registry, "  Registry  "), ...wrap(way, "  Routers   ")];
}
