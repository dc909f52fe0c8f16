import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";

/** llama.cpp for a platform: the addon of node-llama-cpp, from a package of its own. */
export interface AddonBuild {
  /** Package and version: builds round differently. */
  readonly name: string;
  /** Whether it reports logits beside the sampled token: since node-llama-cpp 3.22. */
  readonly reportsLogits: boolean;
  /** The addon; its libraries lie beside it. */
  readonly path: string;
}

/** Why this process has no embedded engine, with what to do; undefined when it has one. Loads nothing. */
export function embeddedEngineFault(): MeshError | undefined {
  try {
    findAddon();
    return undefined;
  } catch (error) {
    return error as MeshError;
  }
}

/** Locates the addon for this process. Throws `invalid_request` that says what to do when there is none. */
export function findAddon(): AddonBuild {
  const name = packageFor(process.platform, process.arch);
  const entry = locate(name);
  if (name === undefined || entry === undefined)
    throw missingEngine(process.platform, process.arch, isMuslLinux());
  const folder = dirname(dirname(entry));
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  return {
    name: `${name} ${version}`,
    reportsLogits: version.localeCompare("3.22", "en", { numeric: true }) >= 0,
    path: join(folder, "bins", name.slice(name.indexOf("/") + 1), "llama-addon.node"),
  };
}

/** The `invalid_request` for a process without an embedded engine. */
export function missingEngine(platform: string, arch: string, isMusl = false): MeshError {
  const isBuilt = packageFor(platform, arch) !== undefined && !isMusl;
  return new MeshError(
    "invalid_request",
    isBuilt
      ? `The embedded llama-cpp engine is not installed. Install cxmpute-mesh again without \`--omit=optional\`, or run ${others}`
      : `The embedded llama-cpp engine has no binaries for ${platform} ${arch}${isMusl ? " with musl" : ""}. Run ${others}`,
  );
}

const others = "Ollama, llama-server or vLLM on this machine and join again: they are found automatically.";

/** The optional dependencies of package.json, by `process.platform` and `process.arch`. */
const packages: Readonly<Record<string, string>> = {
  "linux x64": "@node-llama-cpp/linux-x64",
  "linux arm64": "@node-llama-cpp/linux-arm64",
  "darwin x64": "@node-llama-cpp/mac-x64",
  "darwin arm64": "@node-llama-cpp/mac-arm64-metal",
  "win32 x64": "@node-llama-cpp/win-x64",
  "win32 arm64": "@node-llama-cpp/win-arm64",
};

const packageFor = (platform: string, arch: string): string | undefined => packages[`${platform} ${arch}`];

/** The package's entry file; undefined when it is not installed. */
function locate(name: string | undefined): string | undefined {
  try {
    return name && createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
}

/** npm does not install the Linux packages where the C library is not glibc. */
function isMuslLinux(): boolean {
  if (process.platform !== "linux") return false;
  // Missing from Node's types. Without it, the report resolves the names of all connections.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}
