import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { freeAddress } from "../support/mesh.ts";
import { cxmpute, type LogLine, type Program } from "../support/program.ts";
import { type SecureMesh, startSecureMesh } from "../support/secure-mesh.ts";

const running: Program[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.stop("SIGKILL")));
});

const isConnected =
  (id: string) =>
  (line: LogLine): boolean =>
    line.msg === "node connected" && line.node_id === id;

/** How a program ended, with what it said. */
const fault = async (program: Program): Promise<string> => {
  expect(await program.ended).toEqual({ code: 1, signal: null });
  return program.stderr();
};

describe("in a mesh without TLS", () => {
  let data: string;
  let registry: Program;
  let router: Program;
  let mesh: readonly string[];
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "cxmpute-names-"));
    const [registryAt, routerAt] = [await freeAddress(), await freeAddress()];
    // Leases so long that nothing here waits for one to lapse, or for half of one.
    registry = cxmpute(["registry", "--listen", registryAt, "--lease-ttl-ms", "6000", ...dataOf("registry")]);
    router = cxmpute(["router", "--listen", routerAt, "--registry", registryAt, ...dataOf("router")]);
    await Promise.all([registry, router].map((program) => program.output(/listening/)));
    mesh = ["--registry", registryAt, "--router", routerAt, "--engine", "synthetic"];
  });
  afterAll(async () => {
    await Promise.all([registry, router].map((program) => program?.stop("SIGKILL")));
    await rm(data, { recursive: true, force: true });
  });

  const dataOf = (folder: string): readonly string[] => ["--data", join(data, folder)];
  const start = (name: string, folder: string, ...args: string[]): Program => {
    const program = cxmpute(["join", "--node-id", name, ...mesh, ...dataOf(folder), ...args]);
    running.push(program);
    return program;
  };
  const connections = (name: string): number => router.entries().filter(isConnected(name)).length;

  test("the second of two processes under one name is told who has it, and the first notices nothing", async () => {
    const first = start("twin", "twin-1");
    await router.logged(isConnected("twin"));
    const second = start("twin", "twin-2");
    expect(await fault(second)).toMatch(
      /^cxmpute join: The name is in use: another process is registered as node twin since \S+Z, on host \S+ at 127\.0\.0\.1, and it is running\. Stop it first, or join under another name: /m,
    );
    expect(first.child.exitCode).toBeNull();
    expect(connections("twin")).toBe(1);
  });

  test("the second of two processes in one data folder is told the process that has it", async () => {
    const first = start("one", "shared");
    await router.logged(isConnected("one"));
    expect(await fault(start("another", "shared"))).toContain(
      `cxmpute join: another \`cxmpute join\` (process ${first.child.pid}, since `,
    );
  });

  test("a node that was killed is back in its data folder without a wait for its lease", async () => {
    await start("killed", "killed").output(/is registered/);
    for (let round = 0; round < 3; round++) {
      await running.pop()!.stop("SIGKILL");
      const next = start("killed", "killed");
      await next.output(/is registered/);
      expect(next.entries().filter(({ msg }) => String(msg).startsWith("another process holds"))).toEqual([]);
    }
  });

  test("a node that was killed is back with an empty data folder and on another address", async () => {
    await start("moved", "moved-1").output(/is registered/);
    await running.pop()!.stop("SIGKILL");
    await start("moved", "moved-2", "--advertise", await freeAddress()).output(/is registered/);
  });

  test("a frozen process loses its name to another, and does not take it back", async () => {
    const frozen = start("frozen", "frozen-1");
    await frozen.output(/is registered/);
    frozen.child.kill("SIGSTOP");
    const next = start("frozen", "frozen-2");
    await next.output(/is registered/);
    frozen.child.kill("SIGCONT");
    await frozen.logged(({ msg }) => msg.startsWith("another process holds this node's name"));
    await registry.logged(
      ({ msg, node_id }) => msg === "a second process was refused" && node_id === "frozen",
    );
    const registrations = registry
      .entries()
      .filter(({ msg, node_id }) => msg === "node registered" && node_id === "frozen");
    expect(registrations).toHaveLength(2);
  });
});

describe("in a mesh with TLS", () => {
  let mesh: SecureMesh;
  beforeAll(async () => {
    mesh = await startSecureMesh();
  });
  afterAll(() => mesh.stop());

  test("a copied data folder is noticed, and the node that it belongs to serves on", async () => {
    const original = await mesh.joinAndWait("original", "--token", await mesh.createToken());
    await cp(join(mesh.folder, "original"), join(mesh.folder, "copy"), { recursive: true });
    const said = await fault(mesh.join("copy"));
    expect(said).toContain("another process is registered as node original since ");
    expect(said).toContain("If this data folder is a copy of another node's, remove its folder `identity`.");
    expect(original.child.exitCode).toBeNull();
    expect(mesh.programs.get("router")!.entries().filter(isConnected("original"))).toHaveLength(1);
  });

  test("a second registry is kept out of the data folder with the identities", async () => {
    const tls = ["--tls", mesh.tlsFolder, "--data", join(mesh.folder, "registry")];
    const second = cxmpute(["registry", "--listen", await freeAddress(), ...tls]);
    running.push(second);
    const { pid } = mesh.programs.get("registry")!.child;
    expect(await fault(second)).toContain(`another \`cxmpute registry\` (process ${pid}, since `);
    await mesh.restartRegistry();
  });
});
