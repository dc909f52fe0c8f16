import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { type NameServer, startNameServer } from "./name-server.ts";

/**
 * A home network behind a router that translates addresses, on this machine: from inside everything out there can
 * be dialled, from outside nothing inside can.
 *
 *     this machine ── 10.213.N.0/29 ── [ NAT ] ── 192.168.N.0/29 ── [ home ]
 *
 * The home knows this machine as `mesh.example`, and asks this machine for where that name leads: to a public address,
 * which the NAT has lead here. All of it can get other addresses.
 */
export interface NatNetwork {
  /** The network namespace of the machine at home; for `cxmpute(args, env, namespace)`. */
  readonly home: string;
  /** This machine's address. */
  readonly outside: string;
  /** This machine's name, as the home knows it. */
  readonly meshName: string;
  /** The address that the home shows to the world, the NAT's. */
  readonly translated: string;
  /** Pulls the home's plug, or puts it back. */
  setLink(state: "up" | "down"): void;
  /** Drops packets on their way, those of a direction or all. */
  block(direction: "in" | "out" | "both"): void;
  /** Lets all through again that was dropped on its way. */
  unblock(): void;
  /**
   * Gives another address to the home's machine (another wifi), to the NAT (the line is given a new one), or to this
   * machine as the home sees it. Connections of before that are answered by nobody any more, or refused.
   */
  changeAddress(of: "home" | "NAT" | "mesh", former?: "silent" | "refuses"): void;
  /** Removes all of it. */
  close(): void;
}

/** Why no such network can be made here, in a line; undefined when it can. Installs what is missing where it may. */
export function missingForNat(): string | undefined {
  if (process.platform !== "linux") return "network namespaces need Linux";
  if (process.getuid?.() !== 0) return "making network namespaces needs root";
  const packages = () => [
    ...(isInstalled("ip") ? [] : ["iproute2"]),
    ...(isInstalled("nft") ? [] : ["nftables"]),
  ];
  if (packages().length > 0) {
    spawnSync("apt-get", ["-qq", "update"]);
    // Another test file may be doing the same.
    const patiently = ["-o", "DPkg::Lock::Timeout=60"];
    spawnSync("apt-get", [...patiently, "-qq", "install", "-y", "--no-install-recommends", ...packages()]);
    if (packages().length > 0) return `${packages().join(" and ")} cannot be installed here`;
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
  removeAbandoned();
  const number = process.pid % 250;
  const [nat, home] = namespacesOf(process.pid);
  // Names of devices have at most 15 letters.
  const [world, outer, inner, wire] = ["w", "o", "i", "h"].map((end) => `cx${end}${process.pid}`) as [
    string,
    string,
    string,
    string,
  ];
  const outside = `10.213.${number}.1`;
  const natInside = `192.168.${number}.1`;
  // The last byte of those that change; each begins at 2, and a /29 has room up to 6.
  const last = { home: 2, NAT: 2, mesh: 2 };
  const atHome = () => `192.168.${number}.${last.home}`;
  const natOutside = () => `10.213.${number}.${last.NAT}`;
  const meshAddress = () => `${publicNetwork}.${last.mesh}`;
  let names: NameServer | undefined;
  const close = () => {
    names?.close();
    remove(process.pid);
    spawnSync("ip", ["link", "delete", world]);
  };
  const inNat = (line: string) => run(`ip netns exec ${nat} ${line}`);
  const addHome = () => {
    run(`ip -n ${home} address add ${atHome()}/29 dev ${wire}`);
    run(`ip -n ${home} route add default via ${natInside}`);
  };
  const addNat = () => run(`ip -n ${nat} address add ${natOutside()}/29 dev ${outer}`);
  const addMesh = () => inNat(`nft add rule ip nat in ip daddr ${meshAddress()} dnat to ${outside}`);
  try {
    run(`ip netns add ${nat}`);
    run(`ip netns add ${home}`);
    run(`ip link add ${world} type veth peer name ${outer} netns ${nat}`);
    run(`ip -n ${nat} link add ${inner} type veth peer name ${wire} netns ${home}`);
    run(`ip address add ${outside}/29 dev ${world}`);
    run(`ip -n ${nat} address add ${natInside}/29 dev ${inner}`);
    run(`ip link set ${world} up`);
    for (const device of ["lo", outer, inner]) run(`ip -n ${nat} link set ${device} up`);
    for (const device of ["lo", wire]) run(`ip -n ${home} link set ${device} up`);
    inNat("sysctl -qw net.ipv4.ip_forward=1");
    // A connection that began before the NAT got its address is none to it.
    inNat("sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0");
    inNat("nft add table ip nat");
    inNat("nft add chain ip nat in { type nat hook prerouting priority -100; }");
    inNat("nft add chain ip nat out { type nat hook postrouting priority 100; }");
    inNat(`nft add rule ip nat out oifname ${outer} masquerade`);
    inNat("nft add table ip wall");
    for (const chain of ["blocked", "former"])
      inNat(`nft add chain ip wall ${chain} { type filter hook prerouting priority -150; }`);
    addHome();
    addNat();
    addMesh();
    inNat(`nft add rule ip nat in ip daddr ${nameServer} udp dport 53 dnat to ${outside}:${namePort}`);
    // What is in this folder covers its namesakes in /etc for the programs of the namespace.
    mkdirSync(`${netnsFiles}/${home}`, { recursive: true });
    writeFileSync(`${netnsFiles}/${home}/resolv.conf`, `nameserver ${nameServer}\n`);
    names = startNameServer(outside, namePort, { [meshName]: meshAddress() });
  } catch (error) {
    close();
    throw error;
  }
  return {
    home,
    outside,
    meshName,
    get translated() {
      return natOutside();
    },
    setLink: (state) => run(`ip -n ${nat} link set ${inner} ${state}`),
    block(direction) {
      const from = { in: [outer], out: [inner], both: [outer, inner] }[direction];
      for (const device of from) inNat(`nft add rule ip wall blocked iifname ${device} drop`);
    },
    unblock: () => inNat("nft flush chain ip wall blocked"),
    changeAddress(of, former = "silent") {
      const end = former === "silent" ? "drop" : "reject with tcp reset";
      inNat("nft flush chain ip wall former");
      if (of === "home") {
        run(`ip -n ${home} address delete ${atHome()}/29 dev ${wire}`);
        last.home++;
        addHome();
      } else if (of === "NAT") {
        inNat(`nft add rule ip wall former meta l4proto tcp ct state invalid ${end}`);
        run(`ip -n ${nat} address delete ${natOutside()}/29 dev ${outer}`);
        last.NAT++;
        addNat();
      } else {
        inNat(`nft add rule ip wall former meta l4proto tcp ip daddr ${meshAddress()} ${end}`);
        last.mesh++;
        addMesh();
        names?.set(meshName, meshAddress());
      }
    },
    close,
  };
}

/** What is public here is of the blocks that are kept for documentation. */
const publicNetwork = "203.0.113";
const meshName = "mesh.example";
const nameServer = `${publicNetwork}.1`;
/** Where it really listens: port 53 of this machine may be another's. */
const namePort = 10_053;
/** Where `ip netns exec` looks for files of a namespace. */
const netnsFiles = "/etc/netns";

/** The NAT's and the home's. */
const namespacesOf = (pid: number): [string, string] => [`cxmpute-nat-${pid}`, `cxmpute-home-${pid}`];

/** Removes the network of a process; the wires go with the namespaces that they end in. */
function remove(pid: number): void {
  for (const namespace of namespacesOf(pid)) {
    spawnSync("ip", ["netns", "delete", namespace]);
    rmSync(`${netnsFiles}/${namespace}`, { recursive: true, force: true });
  }
  try {
    rmdirSync(netnsFiles);
  } catch {
    // It was not there, or others have files in it.
  }
}

/** Removes what tests that were killed have left. */
function removeAbandoned(): void {
  const { stdout } = spawnSync("ip", ["netns", "list"], { encoding: "utf8" });
  for (const [, pid] of (stdout ?? "").matchAll(/^cxmpute-(?:nat|home)-(\d+)/gm))
    if (!existsSync(`/proc/${pid}`)) remove(Number(pid));
}

function run(line: string): void {
  const [command = "", ...args] = line.split(" ");
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${line}: ${(error?.message ?? stderr).trim()}`);
}
