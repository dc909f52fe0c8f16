import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Credentials, LiveCredentials } from "../../core/identity/credentials.ts";
import type { Role } from "../../core/identity/identity.ts";
import { createGrpcTransport, type GrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { freeAddress, untilReady } from "./mesh.ts";
import { cxmpute, type Program } from "./program.ts";

/** A mesh of real processes that speak TLS, as an operator sets it up: `tls init`, then each with `--tls`. */
export interface SecureMesh {
  /** Such as `http://127.0.0.1:40123`, without a path. */
  readonly url: string;
  readonly registry: string;
  readonly router: string;
  /** Where everything is kept; each process has a folder of its own in it. */
  readonly folder: string;
  /** What `tls init` made. */
  readonly tlsFolder: string;
  /** The processes by name: `registry`, `router`, `translator`, and those that joined. */
  readonly programs: Map<string, Program>;
  /** Runs a command to its end, as its operator, and gives what it printed. Throws when it fails. */
  admin(...args: string[]): Promise<string>;
  /** A join token from `cxmpute token create`. */
  createToken(...args: string[]): Promise<string>;
  /** Starts `cxmpute join`, with the data folder of this name. */
  join(name: string, ...args: string[]): Program;
  /** Starts it and waits until the router can use the node. */
  joinAndWait(name: string, ...args: string[]): Promise<Program>;
  /** The identity that a node was given. */
  identityOf(name: string): Promise<Credentials>;
  /** A plain client of registry or router, with somebody's certificate. */
  connect(
    to: "registry" | "router",
    credentials: Credentials | Pick<Credentials, "authorities">,
  ): GrpcTransport;
  /** The certificate of a service or of the admin. */
  credentialsOf(role: Role): Promise<Credentials>;
  /** Starts the registry again, on what it has kept. */
  restartRegistry(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts registry, router and translator over TLS, without any node. */
export async function startSecureMesh(): Promise<SecureMesh> {
  const folder = await mkdtemp(join(tmpdir(), "cxmpute-secure-"));
  const tlsFolder = join(folder, "tls");
  const programs = new Map<string, Program>();
  const transports: GrpcTransport[] = [];
  const [registry, router, http] = [await freeAddress(), await freeAddress(), await freeAddress()];
  const start = (name: string, ...args: string[]): Program => {
    const program = cxmpute([...args, "--data", join(folder, name)]);
    programs.set(name, program);
    return program;
  };
  const run = async (...args: string[]): Promise<string> => {
    const program = cxmpute(args);
    const { code } = await program.ended;
    if (code !== 0) throw new Error(`cxmpute ${args.join(" ")}: ${code}\n${program.stderr()}`);
    return program.stdout();
  };
  const startRegistry = async () => {
    await start("registry", "registry", "--listen", registry, "--tls", tlsFolder).output(/listening/);
  };
  const readPem = (...path: string[]) => readFile(join(folder, ...path), "utf8");
  const stop = async () => {
    for (const transport of transports) transport.close();
    await Promise.all([...programs.values()].map((program) => program.stop("SIGKILL")));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await run("tls", "init", tlsFolder);
    await Promise.all([
      startRegistry(),
      start("router", "router", "--listen", router, "--registry", registry, "--tls", tlsFolder).output(
        /listening/,
      ),
      start("translator", "translator", "--listen", http, "--router", router, "--tls", tlsFolder).output(
        /listening/,
      ),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  const admin = (...args: string[]) => run(...args, "--tls", tlsFolder, "--registry", registry);
  const joinAs = (name: string, ...args: string[]) => start(name, "join", "--engine", "synthetic", ...args);
  return {
    url: `http://${http}`,
    registry,
    router,
    folder,
    tlsFolder,
    programs,
    admin,
    async createToken(...args) {
      const text = await admin("token", "create", "--router", router, "--json", ...args);
      return (JSON.parse(text) as { token: string }).token;
    },
    join: joinAs,
    async joinAndWait(name, ...args) {
      const program = joinAs(name, "--node-id", name, ...args);
      const connected = programs
        .get("router")!
        .logged((line) => line.msg === "node connected" && line.node_id === name);
      const failed = program.ended.then(() => {
        throw new Error(`${name} has ended:\n${program.stderr()}`);
      });
      await Promise.race([connected, failed]);
      await untilReady(`http://${http}`, programs);
      return program;
    },
    identityOf: async (name) => ({
      certificate: await readPem(name, "identity", "certificate.pem"),
      privateKey: await readPem(name, "identity", "key.pem"),
      authorities: await readPem(name, "identity", "authorities.pem"),
    }),
    connect(to, credentials) {
      const transport = createGrpcTransport({
        address: to === "registry" ? registry : router,
        tls: {
          credentials: "privateKey" in credentials ? new LiveCredentials(credentials) : credentials,
          expect: { role: to },
        },
      });
      transports.push(transport);
      return transport;
    },
    credentialsOf: async (role) => ({
      certificate: await readPem("tls", `${role}.pem`),
      privateKey: await readPem("tls", `${role}.key`),
      authorities: await readPem("tls", "ca.pem"),
    }),
    async restartRegistry() {
      await programs.get("registry")!.stop("SIGKILL");
      await startRegistry();
    },
    stop,
  };
}
