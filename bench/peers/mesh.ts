import { type Child, startChild } from "../processes/child.ts";
import { freePorts } from "../processes/ports.ts";
import { projectFolder } from "./cache.ts";
import type { Peer, PeerSetting, Role, RunningPeer } from "./contract.ts";
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
  async start(setting) {
    const ports = await freePorts(6);
    const running: { readonly part: Part; readonly child: Child }[] = [];
    const stop = async () => void (await Promise.all(running.map(({ child }) => child.stop())));
    try {
      for (const part of parts(setting, ports))
        running.push({ part, child: startPart(part, setting.inspect.includes(part.role)) });
      const target = { port: ports[2]!, headers: { authorization: `Bearer ${apiKey}` } };
      const children = running.map(({ child }) => child);
      await answers(target, children, ["aligned", "random", "instant"]);
      const roles = await Promise.all(
        (["router", "translator", "registry", "node"] as const).map((name) =>
          roleOf(name, running, setting.inspect.includes(name)),
        ),
      );
      return { target, roles, stop } satisfies RunningPeer;
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

/** A registry, a router, a translator, and one dialled node for each kind of arrival. */
function parts({ intervalMs, streams }: PeerSetting, ports: readonly number[]): Part[] {
  const [registry, router, translator, ...nodes] = ports.map((port) => `127.0.0.1:${port}`);
  const paced = ["--tokens-per-second", String(1000 / intervalMs)];
  const node = (address: string, model: string, args: readonly string[]): Part => ({
    role: "node",
    args: [
      ...["join", "--engine", "synthetic", "--model", model, "--slots", String(2 * streams)],
      ...["--first-token-ms", "0", "--answer-tokens", "1000000", ...args],
      ...["--registry", registry!, "--listen", address, "--advertise", address],
    ],
  });
  return [
    { role: "registry", args: ["registry", "--listen", registry!] },
    { role: "router", args: ["router", "--listen", router!, "--registry", registry!] },
    node(nodes[0]!, "aligned", ["--arrivals", "aligned", ...paced]),
    node(nodes[1]!, "random", ["--arrivals", "random", ...paced]),
    node(nodes[2]!, "instant", ["--tokens-per-second", "0"]),
    { role: "translator", args: ["translator", "--listen", translator!, "--router", router!] },
  ];
}

function startPart({ args }: Part, inspect: boolean): Child {
  return startChild({
    program: process.execPath,
    args: [...(inspect ? ["--inspect=127.0.0.1:0"] : []), `${projectFolder}services/main.ts`, ...args],
    environment: { CXMPUTE_API_KEY: apiKey },
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
