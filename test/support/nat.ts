import { spawnSync } from "node:child_process";

/**
 * A home network behind a router that translates addresses, on this machine: from inside everything out there can
 * be dialled, from outside nothing inside can.
 *
 *     this machine ── 10.213.N.0/30 ── [ NAT ] ── 192.168.N.0/30 ── [ home ]
 */
export interface NatNetwork {
  /** The network namespace of the machine at home; for `cxmpute(args, env, namespace)`. */
  readonly home: string;
  /** This machine's address as the home sees it. */
  readonly outside: string;
  /** The address that the home shows to the world, the NAT's. */
  readonly translated: string;
  /** Pulls a plug, or puts it back: the home's own, or the one between the NAT and the world. */
  setLink(which: "home" | "world", state: "up" | "down"): void;
  /** Removes all of it. */
  close(): void;
}

/** Why no such network can be made here, in a line; undefined when it can. Installs what is missing where it may. */
export function missingForNat(): string | undefined {
  if (process.platform !== "linux") return "network namespaces need Linux";
  if (process.getuid?.() !== 0) return "making network namespaces needs root";
  const packages = [...(isInstalled("ip") ? [] : ["iproute2"]), ...(isInstalled("nft") ? [] : ["nftables"])];
  if (packages.length > 0) {
    spawnSync("apt-get", ["-qq", "update"]);
    const { status } = spawnSync("apt-get", ["-qq", "install", "-y", "--no-install-recommends", ...packages]);
    if (status !== 0) return `${packages.join(" and ")} cannot be installed here`;
  }
  try {
    natNetwork().close();
    return undefined;
  } catch (error) {
    return `the kernel refuses: ${(error as Error).message}`;
  }
}

const isInstalled = (program: string): boolean => spawnSync(program, ["-V"]).error === undefined;

/** Makes the network. Throws when a step is refused, with nothing left behind. */
export function natNetwork(): NatNetwork {
  const number = process.pid % 250;
  const [nat, home] = [`cxmpute-nat-${process.pid}`, `cxmpute-home-${process.pid}`];
  // Names of devices have at most 15 letters.
  const [world, outer, inner, wire] = ["w", "o", "i", "h"].map((end) => `cx${end}${process.pid}`) as [
    string,
    string,
    string,
    string,
  ];
  const outside = `10.213.${number}.1`;
  const natOutside = `10.213.${number}.2`;
  const [natInside, atHome] = [`192.168.${number}.1`, `192.168.${number}.2`];
  const close = () => {
    // The wires go with the namespaces that they end in.
    for (const namespace of [nat, home]) spawnSync("ip", ["netns", "delete", namespace]);
    spawnSync("ip", ["link", "delete", world]);
  };
  try {
    run(`ip netns add ${nat}`);
    run(`ip netns add ${home}`);
    run(`ip link add ${world} type veth peer name ${outer} netns ${nat}`);
    run(`ip -n ${nat} link add ${inner} type veth peer name ${wire} netns ${home}`);
    run(`ip address add ${outside}/30 dev ${world}`);
    run(`ip -n ${nat} address add ${natOutside}/30 dev ${outer}`);
    run(`ip -n ${nat} address add ${natInside}/30 dev ${inner}`);
    run(`ip -n ${home} address add ${atHome}/30 dev ${wire}`);
    run(`ip link set ${world} up`);
    for (const device of ["lo", outer, inner]) run(`ip -n ${nat} link set ${device} up`);
    for (const device of ["lo", wire]) run(`ip -n ${home} link set ${device} up`);
    run(`ip -n ${home} route add default via ${natInside}`);
    run(`ip netns exec ${nat} sysctl -qw net.ipv4.ip_forward=1`);
    run(`ip netns exec ${nat} nft add table ip nat`);
    run(`ip netns exec ${nat} nft add chain ip nat out { type nat hook postrouting priority 100; }`);
    run(`ip netns exec ${nat} nft add rule ip nat out oifname ${outer} masquerade`);
  } catch (error) {
    close();
    throw error;
  }
  return {
    home,
    outside,
    translated: natOutside,
    setLink: (which, state) => run(`ip -n ${nat} link set ${which === "home" ? inner : outer} ${state}`),
    close,
  };
}

function run(line: string): void {
  const [command = "", ...args] = line.split(" ");
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${line}: ${(error?.message ?? stderr).trim()}`);
}
