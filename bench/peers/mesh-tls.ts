import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectFolder } from "./cache.ts";

/** What makes the processes of a mesh speak TLS, as an operator sets it up; made for one run. */
export interface MeshTls {
  /** Flags of registry, router and translator. */
  readonly serviceFlags: readonly string[];
  /** Has the registry, which must listen by now, let so many nodes in; flags for each of them. */
  admit(nodes: number, registry: string, router: string): Promise<readonly (readonly string[])[]>;
  /** Removes the certificates and what the nodes have kept. */
  remove(): void;
}

/** Makes an authority and the services' certificates, with `cxmpute tls init`. */
export async function createMeshTls(): Promise<MeshTls> {
  const folder = mkdtempSync(join(tmpdir(), "cxmpute-bench-tls-"));
  const certificates = join(folder, "tls");
  try {
    await cxmpute("tls", "init", certificates);
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  return {
    serviceFlags: ["--tls", certificates],
    async admit(nodes, registry, router) {
      const addresses = ["--registry", registry, "--router", router];
      const flags = ["--tls", certificates, "--uses", String(nodes), "--json"];
      const { token } = JSON.parse(await cxmpute("token", "create", ...flags, ...addresses)) as {
        token: string;
      };
      return Array.from({ length: nodes }, (_, index) => [
        ...["--token", token, "--data", join(folder, `node-${index}`)],
      ]);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Runs a command to its end; what it printed. */
async function cxmpute(...args: string[]): Promise<string> {
  const program = [`${projectFolder}services/main.ts`, ...args];
  return (await promisify(execFile)(process.execPath, program, { env: {} })).stdout;
}
