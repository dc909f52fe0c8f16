import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// Which part may import what, and who owns which package. The picture is in docs/architecture.md.

const root = fileURLToPath(new URL("..", import.meta.url));

/** One import of a source file. */
interface Import {
  /** The importing file, relative to the project. */
  readonly from: string;
  /** The imported file, relative to the project, or the package's specifier. */
  readonly to: string;
  /** False when only types are imported: that leaves no trace at run time. */
  readonly isValue: boolean;
}

const files = ["core", "services", "gen", "scripts", "bench", "test"].flatMap((folder) =>
  sourcesIn(join(root, folder)),
);
const imports = files.flatMap(importsOf);

test("the sources are found", () => {
  // Guards the other tests against finding nothing to object to.
  expect(files).toContain("services/main.ts");
  expect(files).toContain("core/rpc/grpc-server.ts");
  expect(imports).toContainEqual({
    from: "services/main.ts",
    to: "services/commands/command-line.ts",
    isValue: true,
  });
});

test("imports run one way: gen, core, one service, the command line", () => {
  const wrong = imports.filter(
    ({ from, to }) => isShipped(from) && isOwn(to) && !mayImport(partOf(from), partOf(to)),
  );
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test("no engine knows another, only what they share", () => {
  const wrong = imports.filter(({ from, to }) => {
    const [one, other] = [engineOf(from), engineOf(to)];
    return isShipped(from) && one !== undefined && other !== undefined && one !== other;
  });
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test("no surface of the translator knows another, only what they share", () => {
  const wrong = imports.filter(({ from, to }) => {
    const surface = surfaceOf(from);
    const room = /^services\/translator\/([\w-]+)/.exec(to)?.[1];
    return (
      isShipped(from) && surface !== undefined && room !== undefined && room !== surface && !shared.has(room)
    );
  });
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test.each([
  { packages: /^(@grpc\/|grpc-health-check)/, owner: "core/rpc/" },
  { packages: /^pino/, owner: "core/telemetry/" },
  { packages: /^@opentelemetry\//, owner: "core/telemetry/" },
  { packages: /^fastify|^@connectrpc\/connect-fastify/, owner: "services/translator/" },
  { packages: /^@node-llama-cpp\//, owner: "services/inference/engines/llama-cpp/" },
  { packages: /^consul/, owner: "services/registry/" },
  { packages: /^yaml/, owner: "core/" },
])("$packages is imported only in $owner", ({ packages, owner }) => {
  const wrong = imports.filter(
    ({ from, to }) => packages.test(to) && !from.startsWith(owner) && isShipped(from),
  );
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test("the environment is read only in core/config", () => {
  const wrong = files.filter(
    (file) =>
      isShipped(file) &&
      !file.startsWith("core/config/") &&
      /\bprocess\s*(\?\.|\.)\s*env\b|\bprocess\[/.test(codeOf(file)),
  );
  expect(wrong).toEqual([]);
});

test("no file imports itself, however long the way", () => {
  const targets = new Map<string, string[]>();
  for (const { from, to, isValue } of imports)
    if (isValue && isOwn(to)) targets.set(from, [...(targets.get(from) ?? []), to]);
  expect(findCycle(targets)).toBeUndefined();
});

/** A part of the project: `gen`, `core`, a service, or what stands around them. */
function partOf(file: string): string {
  const [first = "", second = ""] = file.split("/");
  if (first !== "services") return first;
  return second === "main.ts" || second === "commands" ? "command line" : `services/${second}`;
}

/** The engine in whose folder a file is; undefined for the folders that engines share, and for all others. */
const engineOf = (file: string): string | undefined =>
  /^services\/inference\/engines\/(llama-cpp|ollama|openai|synthetic)\//.exec(file)?.[1];

/** The surface of the translator in whose folder a file is. */
const surfaceOf = (file: string): string | undefined =>
  /^services\/translator\/(chat|responses|anthropic|completions|embeddings)\//.exec(file)?.[1];

/** What the surfaces of the translator share, by folder or file. */
const shared: ReadonlySet<string> = new Set([
  "requests",
  "answers",
  "http",
  "errors",
  "images",
  "auth",
  "config",
]);

function mayImport(from: string, to: string): boolean {
  if (from === to || to === "gen") return true;
  if (from === "gen") return false;
  if (to === "core") return true;
  if (from === "core") return false;
  // A service knows no other service, and what is shipped knows nothing of its tests; the command line knows all services.
  return from === "command line" && to.startsWith("services/");
}

/** What is shipped, as opposed to what tests, measures or builds it. */
const isShipped = (file: string): boolean =>
  /^(core|services|gen)\//.test(file) && !file.endsWith(".test.ts");

const isOwn = (target: string): boolean => files.includes(target);

function sourcesIn(folder: string): string[] {
  // bench/ may not be there.
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes("node_modules"));
}

function codeOf(file: string): string {
  return readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

/** Static imports, re-exports and imports in a function. */
function importsOf(file: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\s+(type\s)?(?:[\w*\s{},$]+?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;
  return [...codeOf(file).matchAll(pattern)].map(([, type, fixed, late]) => {
    const target = fixed ?? late!;
    const to = target.startsWith(".") ? relative(root, join(root, dirname(file), target)) : target;
    return { from: file, to, isValue: type === undefined };
  });
}

/** A way from a file back to itself, or undefined. */
function findCycle(targets: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of targets.get(file) ?? []) {
      const cycle = visit(target, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
