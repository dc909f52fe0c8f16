import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "../processes/child.ts";
import { freePorts } from "../processes/ports.ts";
import { projectFolder } from "./cache.ts";
import type { Peer, PeerSetting, Role, RunningPeer } from "./contract.ts";
import { createMeshTls, type MeshTls } from "./mesh-tls.ts";
import { answers } from "./probe.ts";

const apiKey = "sk-bench-0123456789abcdef0123456789abcdef";

/** One process of the mesh: its role in the report and how the command line starts it. */
interface Part {
  readonly role: "registry" | "router" | "translator" | "node";
  readonly args: readonly string[];
}

/** The mesh as it is deployed: each service a process of its own, started by the real command line. */
export const mesh: Peer = {
  name: "mesh",
  title: "cxmpute-mesh",
  maxStreams: Number.POSITIVE_INFINITY,
  start: (setting) => startMesh(setting, undefined),
};

/** The same with mutual TLS between all of its processes; clients speak plain HTTP to it, as to the other one. */
export const meshTls: Peer = {
  name: "mesh-tls",
  title: "cxmpute-mesh, TLS between its processes",
  maxStreams: Number.POSITIVE_INFINITY,
  async start(setting) {
    const tls = await createMeshTls();
    try {
      const running = await startMesh(setting, tls);
      const stop = () => running.stop().finally(tls.remove);
      return { ...running, stop };
    } catch (error) {
      tls.remove();
      throw error;
    }
  },
};

async function startMesh(setting: PeerSetting, tls: MeshTls | undefined): Promise<RunningPeer> {
  const ports = await freePorts(6);
  const running: { readonly part: Part; readonly child: Child }[] = [];
  const data = await mkdtemp(join(tmpdir(), "cxmpute-bench-"));
  const stop = async () => {
    await Promise.all(running.map(({ child }) => child.stop()));
    await rm(data, { recursive: true, force: true });
  };
  const start = (part: Part): Child => {
    const folder = join(data, String(running.length));
    const child = startPart(part, folder, setting.inspect.includes(part.role));
    running.push({ part, child });
    return child;
  };
  try {
    const [registry, router, translator, ...nodeAddresses] = ports.map((port) => `127.0.0.1:${port}`);
    const services = tls?.serviceFlags ?? [];
    const registered = start({ role: "registry", args: ["registry", "--listen", registry!, ...services] });
    start({ role: "router", args: ["router", "--listen", router!, "--registry", registry!, ...services] });
    start({
      role: "translator",
      args: ["translator", "--listen", translator!, "--router", router!, ...services],
    });
    await registered.says(/listening on/, 30_000);
    const admissions = await tls?.admit(nodeAddresses.length, registry!, router!);
    for (const [index, address] of nodeAddresses.entries())
      start(
        nodePart(nodes(setting)[index]!, address, admissions?.[index] ?? ["--registry", registry!], setting),
      );
    const target = { port: ports[2]!, headers: { authorization: `Bearer ${apiKey}` } };
    const children = running.map(({ child }) => child);
    await answers(target, children, ["aligned", "random", "instant"]);
    const roles = await Promise.all(
      (["router", "translator", "registry", "node"] as const).map((name) =>
        roleOf(name, running, setting.inspect.includes(name)),
      ),
    );
    return { target, roles, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One for each kind of arrival: the model's name, and how its tokens come. */
function nodes({ intervalMs }: PeerSetting): readonly (readonly [model: string, ...pace: string[]])[] {
  const paced = ["--tokens-per-second", String(1000 / intervalMs)];
  return [
    ["aligned", "--arrivals", "aligned", ...paced],
    ["random", "--arrivals", "random", ...paced],
    ["instant", "--tokens-per-second", "0"],
  ];
}

/** A node that is dialled; `mesh` says where its mesh is, and how it gets in. */
const nodePart = (
  [model, ...pace]: readonly [string, ...string[]],
  address: string,
  mesh: readonly string[],
  { streams }: PeerSetting,
): Part => ({
  role: "node",
  args: [
    ...["join", "--engine", "synthetic", "--model", model, "--slots", String(slotsFor(streams))],
    ...["--first-token-ms", "0", "--answer-tokens", "1000000", ...pace],
    ...["--listen", address, "--advertise", address, ...mesh],
  ],
});

/** Slots enough that nothing waits for one, neither streams nor short requests: waiting is not what is measured. */
const slotsFor = (streams: number): number => Math.max(2 * streams, 512);

function startPart({ args }: Part, dataFolder: string, inspect: boolean): Child {
  return startChild({
    program: process.execPath,
    args: [...(inspect ? ["--inspect=127.0.0.1:0"] : []), `${projectFolder}services/main.ts`, ...args],
    environment: { CXMPUTE_API_KEY: apiKey, CXMPUTE_DATA: dataFolder },
  });
}

/** All processes of one role; the inspector is that of the first. */
async function roleOf(
  name: Part["role"],
  running: readonly { readonly part: Part; readonly child: Child }[],
  inspect: boolean,
): Promise<Role> {
  const children = running.filter(({ part }) => part.role === name).map(({ child }) => child);
  const role = { name, counted: name !== "node", pids: () => children.map(({ pid }) => pid) };
  if (!inspect) return role;
  const addresses = children.map((child) => child.says(/listening on (ws:\/\/\S+)/, 5000));
  return { ...role, inspectors: (await Promise.all(addresses)).map((match) => match[1]!) };
}
