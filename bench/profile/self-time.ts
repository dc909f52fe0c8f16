import type { CpuProfile, ProfileNode } from "./inspector.ts";

/** Where time went. */
export interface TimeSpent {
  /** Function and place, such as `collect core/relay/server.ts:41`; or a package or file. */
  readonly name: string;
  readonly micros: number;
  /** Of the time that was not idle, in [0, 1]. */
  readonly share: number;
}

/** A profile's time, most first; idle time is left out. */
export interface ProfileSummary {
  readonly busyMicros: number;
  /** Functions by their own time, without what they called. */
  readonly functions: readonly TimeSpent[];
  /** Packages and files by their own time. */
  readonly modules: readonly TimeSpent[];
  /** The project's functions by their time with all that they called. */
  readonly inclusive: readonly TimeSpent[];
}

/** Summarizes a profile. Paths are shown relative to `rootFolder`, which ends in a slash. */
export function summarizeProfile(profile: CpuProfile, rootFolder: string): ProfileSummary {
  const nodes = new Map(profile.nodes.map((node) => [node.id, describe(node, rootFolder)]));
  for (const { id, children = [] } of profile.nodes)
    for (const child of children) nodes.get(child)!.parent = nodes.get(id)!;
  const functions = new Map<string, number>();
  const modules = new Map<string, number>();
  const inclusive = new Map<string, number>();
  let busyMicros = 0;
  profile.samples.forEach((id, index) => {
    const place = nodes.get(id)!;
    const micros = profile.timeDeltas[index + 1] ?? 0;
    if (place.name === "(idle)") return;
    busyMicros += micros;
    add(functions, place.name, micros);
    add(modules, place.module, micros);
    for (const name of callersOf(place)) add(inclusive, name, micros);
  });
  const ranked = (sums: ReadonlyMap<string, number>): TimeSpent[] =>
    [...sums]
      .map(([name, micros]) => ({ name, micros, share: micros / busyMicros }))
      .sort((a, b) => b.micros - a.micros);
  return {
    busyMicros,
    functions: ranked(functions),
    modules: ranked(modules),
    inclusive: ranked(inclusive),
  };
}

/** A function at one place of the call tree. */
interface Place {
  readonly name: string;
  readonly module: string;
  /** Whether it is the project's. */
  readonly own: boolean;
  parent?: Place;
}

function describe({ callFrame }: ProfileNode, rootFolder: string): Place {
  const path = callFrame.url.replace("file://", "").replace(rootFolder, "").replace("node_modules/", "npm:");
  const name = callFrame.functionName === "" ? "(anonymous)" : callFrame.functionName;
  return {
    name: path === "" ? name : `${name} ${path}:${callFrame.lineNumber + 1}`,
    module: path === "" ? "(native, garbage collection)" : packageOf(path),
    own: path !== "" && !/^(npm|node):/.test(path),
  };
}

/** A dependency's name, or the file itself. */
const packageOf = (path: string): string => /^npm:(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path;

/** The project's functions from a place up to the root, each once. */
function callersOf(place: Place): Set<string> {
  const names = new Set<string>();
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) if (at.own) names.add(at.name);
  return names;
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros);
}
