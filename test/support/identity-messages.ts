import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { loadConfig } from "../../core/config/load.ts";
import { certify, certifyNew, createNodeAuthority, createRoot } from "../../core/identity/authority.ts";
import { certificatesIn, fingerprintOf } from "../../core/identity/certificate.ts";
import { fetchAuthority } from "../../core/identity/fetch-authority.ts";
import { formatJoinToken } from "../../core/identity/join-token.ts";
import { publicKeyOf } from "../../core/identity/key-pair.ts";
import { anonymousPeer, demandRole } from "../../core/identity/peer.ts";
import type { Part } from "../../core/lifecycle/lifecycle.ts";
import { describeTlsFailure } from "../../core/rpc/tls.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { type MembershipValues, needsToken, openMembership } from "../../services/commands/membership.ts";
import { joinSettings } from "../../services/commands/settings/node.ts";
import { IdentityFolder } from "../../services/inference/index.ts";
import { toRefusal } from "../../services/registry/identities/refusals.ts";

const day = 86_400_000;
const { signal } = new AbortController();

/** Every message about join tokens, identities and TLS that a provider can meet, from the code that makes it. */
export async function identityMessages(): Promise<string[]> {
  return [...refusals(), ...connectionFaults(), ...(await firstContacts()), ...(await folderFaults())];
}

/** What the registry says. */
function refusals(): string[] {
  const verdicts = [
    toRefusal({ is: "unknown_token" }, "n", 0),
    toRefusal({ is: "token_expired", at: 0 }, "n", 60_000),
    toRefusal({ is: "token_used", uses: 1 }, "n", 0),
    toRefusal({ is: "name_taken" }, "n", 0),
    toRefusal({ is: "name_revoked" }, "n", 0),
  ];
  return verdicts.map((verdict) => verdict!.message);
}

/** What keeps TLS from standing, and what a caller hears whose certificate is not valid any more. */
function connectionFaults(): string[] {
  const told = [
    "certificate has expired",
    "certificate is not yet valid",
    "self-signed certificate in certificate chain",
    "wrong version number",
    "wrong peer: it is node n, where the registry should be",
  ];
  return [
    ...told.map((details) => describeTlsFailure(details, "mesh:1")!),
    messageOf(() => demandRole(anonymousPeer, ["node"], "registerNode")),
    needsToken("mesh:1").message,
  ];
}

/** What is wrong with the registry that a token names. */
async function firstContacts(): Promise<string[]> {
  const term = { from: Date.now() - day, until: Date.now() + day };
  const { certificate, privateKey } = await createRoot(term);
  const secured = createTlsServer({ cert: certificate, key: privateKey });
  const plain = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const silent = createServer(() => {});
  try {
    const [securedAt, plainAt, silentAt] = await Promise.all([secured, plain, silent].map(listen));
    return [
      await thrown(() => fetchAuthority("127.0.0.1:1", "", signal)),
      await thrown(() => fetchAuthority(securedAt!, "00", signal)),
      await thrown(() => fetchAuthority(plainAt!, "00", signal)),
      await thrown(() => fetchAuthority(silentAt!, "00", signal, 10)),
    ];
  } finally {
    for (const server of [secured, plain, silent]) server.close();
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What is wrong with what the data folder holds, or with flags that do not suit it. */
async function folderFaults(): Promise<string[]> {
  const term = { from: Date.now() - day, until: Date.now() + day };
  const root = await createRoot(term);
  const nodes = await createNodeAuthority(root, term);
  const other = await createRoot(term);
  const token = formatJoinToken({
    registry: "mesh:1",
    routers: ["mesh:2"],
    authorityFingerprint: fingerprintOf(certificatesIn(other.certificate)[0]),
    secret: "s",
  });
  const { values } = loadConfig({ settings: joinSettings, args: [], environment: {} });

  /** What a node says whose folder is spoilt so, and that is started with these flags. */
  const fault = async (
    spoil: (path: string) => Promise<unknown> = async () => {},
    flags: Partial<MembershipValues> = {},
    own = term,
  ): Promise<string> => {
    const data = await mkdtemp(join(tmpdir(), "cxmpute-messages-"));
    const parts: Part[] = [];
    try {
      const folder = new IdentityFolder(data);
      const publicKey = publicKeyOf(await folder.key());
      const identity = { role: "node", id: "n" } as const;
      const certificate = await certify(nodes, { identity, publicKey, term: own });
      await folder.keepCertificate({ certificate, authorities: root.certificate });
      await spoil(folder.path);
      return await thrown(() =>
        openMembership(
          { ...values, data, ...flags },
          { signal, add: (part) => void parts.push(part), log: silentLog, createNodeId: () => "n" },
        ),
      );
    } finally {
      for (const part of parts) await part.stop?.();
      await rm(data, { recursive: true });
    }
  };
  const stranger = await certifyNew(nodes, { identity: { role: "admin" }, term });
  return [
    await fault(undefined, { token: "cxj_half" }),
    await fault(undefined, { token }),
    await fault(undefined, { nodeId: "m" }),
    await fault(undefined, { token, tlsCert: "own.pem" }),
    await fault(undefined, {}, { from: term.from, until: Date.now() - 1000 }),
    await fault(undefined, {}, { from: Date.now() + day / 2, until: term.until }),
    await fault((path) => chmod(join(path, "key.pem"), 0o644)),
    await fault((path) => rm(join(path, "key.pem"))),
    await fault((path) => writeFile(join(path, "key.pem"), stranger.privateKey)),
    await fault((path) => writeFile(join(path, "key.pem"), "")),
    await fault((path) => writeFile(join(path, "certificate.pem"), "")),
    await fault((path) => writeFile(join(path, "authorities.pem"), other.certificate)),
    await fault((path) => writeFile(join(path, "mesh.json"), "")),
    await fault(async (path) => {
      await rm(join(path, "key.pem"));
      await mkdir(join(path, "key.pem"));
    }),
    await inFolder(async (folder) => {
      const file = join(folder, "file");
      await writeFile(file, "");
      return thrown(() => new IdentityFolder(file).key());
    }),
    await inFolder(async (folder) => {
      const own = await certifyNew(nodes, { identity: { role: "node", id: "n" }, term });
      const pems = [own.certificate, own.privateKey, root.certificate];
      const paths = pems.map((_, index) => join(folder, `${index}.pem`));
      await Promise.all(pems.map((pem, index) => writeFile(paths[index]!, pem, { mode: 0o600 })));
      const [tlsCert, tlsKey, tlsCa] = paths;
      return fault(undefined, { nodeId: "m", tlsCert, tlsKey, tlsCa });
    }),
  ];
}

/** What comes of work in a folder of its own. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "cxmpute-messages-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function thrown(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("Nothing was thrown.");
}

function messageOf(attempt: () => void): string {
  try {
    attempt();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("Nothing was thrown.");
}
