import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { certificatesIn, fingerprintOf, identityIn } from "../../core/identity/certificate.ts";
import { CredentialsFault } from "../../core/identity/check-credentials.ts";
import { LiveCredentials } from "../../core/identity/credentials.ts";
import { speaksTls } from "../../core/identity/fetch-authority.ts";
import { type JoinToken, parseJoinToken } from "../../core/identity/join-token.ts";
import type { Lifecycle } from "../../core/lifecycle/lifecycle.ts";
import { UserFault } from "../../core/lifecycle/user-fault.ts";
import type { Log } from "../../core/telemetry/log.ts";
import {
  IdentityFolder,
  joinMesh,
  type KeptIdentity,
  keepRenewed,
  type MeshConfig,
} from "../inference/index.ts";
import { type Security, secure, withCredentials } from "./security.ts";
import type { joinSettings } from "./settings/node.ts";
import { defaultRegistry, defaultRouter } from "./settings/parts.ts";

/** The settings of a node's mesh and identity. */
export type MembershipValues = Pick<
  Values<typeof joinSettings>,
  "data" | "token" | "registry" | "routers" | "nodeId" | "tlsCert" | "tlsKey" | "tlsCa"
>;

/** A node's mesh, and its identity in it. */
export interface Membership {
  readonly nodeId: string;
  readonly registry: string;
  readonly routers: readonly string[];
  readonly security: Security;
  /** A sentence for the provider; undefined when nothing has changed. */
  readonly note: string | undefined;
}

/** How to open a membership. */
export interface MembershipContext extends Pick<Lifecycle, "signal" | "add"> {
  readonly log: Log;
  readonly createNodeId: () => string;
}

/** Opens and renews the node's identity: by files, the kept one, a token or, in plain text, just a name. */
export async function openMembership(
  values: MembershipValues,
  context: MembershipContext,
): Promise<Membership> {
  const { nodeId } = values;
  const routers = values.routers.length > 0 ? values.routers : undefined;
  const mesh = { registry: values.registry ?? defaultRegistry, routers: routers ?? [defaultRouter] };
  const token = readToken(values.token);
  if (values.tlsCert !== undefined) return withOwnCertificate(values, mesh, context);

  const folder = new IdentityFolder(values.data);
  const kept = await readKept(folder, token !== undefined);
  if (kept === undefined && token === undefined) {
    if (await speaksTls(mesh.registry, context.signal, probeLimitMs)) throw needsToken(mesh.registry);
    const security = withCredentials(undefined);
    return { ...mesh, nodeId: nodeId ?? context.createNodeId(), security, note: undefined };
  }
  const former = await folder.readConfig();
  const config: MeshConfig = {
    nodeId: kept?.nodeId ?? nodeId ?? former?.nodeId ?? context.createNodeId(),
    registry: values.registry ?? token?.registry ?? former?.registry ?? defaultRegistry,
    routers: [...(routers ?? token?.routers ?? former?.routers ?? [defaultRouter])],
  };
  if (kept !== undefined) {
    demandSameName(kept, nodeId, folder);
    if (token !== undefined) demandSameMesh(kept, token, folder);
    await folder.keepConfig(config);
    const note =
      token === undefined
        ? undefined
        : `This machine is in the mesh already, as node ${kept.nodeId}; the join token is still unused.`;
    return withIdentity(kept, config, folder, note, context);
  }
  const time = { signal: context.signal, wallTime: systemClock.wallTime() };
  const joined = await joinMesh(token!, config, folder, time).catch((error: unknown) => {
    throw error instanceof CredentialsFault ? new UserFault(`${error.message}.`, { cause: error }) : error;
  });
  const note = `Joined the mesh as node ${joined.nodeId}. The identity is kept in ${folder.path}; from now on, \`cxmpute join\` needs no token.`;
  return withIdentity(joined, config, folder, note, context);
}

/** How long the probe for TLS may take, in milliseconds; a slower registry counts as plain text. */
const probeLimitMs = 2000;

/** The fault of a machine without identity at a mesh with TLS; the connection itself would only break. */
export const needsToken = (registry: string): UserFault =>
  new UserFault(
    `the registry at ${registry} speaks TLS and admits only machines with an identity: ask its operator for a join token, and run \`cxmpute join --token TOKEN\`.`,
  );

function withOwnCertificate(
  values: MembershipValues,
  mesh: Pick<Membership, "registry" | "routers">,
  context: MembershipContext,
): Membership {
  if (values.token !== undefined)
    throw new UserFault(
      "--token: not together with --tls-cert: the certificate says who this node is, so no token is needed.",
    );
  const security = secure(values, "node", context);
  const [certificate] = certificatesIn(security.credentials!.current.certificate);
  const identity = identityIn(certificate);
  const id = identity?.role === "node" ? identity.id : "";
  if (values.nodeId !== undefined && values.nodeId !== id)
    throw new UserFault(
      `--node-id: the certificate in ${values.tlsCert} is for node ${id}; leave --node-id out.`,
    );
  return { ...mesh, nodeId: id, security, note: undefined };
}

/** The membership of a node with an identity, which it renews from now on. */
function withIdentity(
  { nodeId, credentials }: KeptIdentity,
  { registry, routers }: MeshConfig,
  folder: IdentityFolder,
  note: string | undefined,
  { add, log }: MembershipContext,
): Membership {
  const live = new LiveCredentials(credentials);
  const security = withCredentials(live);
  const transport = security.connect(registry, { role: "registry" });
  const lifetime = new AbortController();
  const renewal = { credentials: live, folder, registry: transport, clock: systemClock, log };
  void keepRenewed({ ...renewal, random: Math.random }, lifetime.signal);
  add({
    name: "identity",
    stop: () => {
      lifetime.abort();
      transport.close();
    },
  });
  return { nodeId, registry, routers, security, note };
}

function readToken(text: string | undefined): JoinToken | undefined {
  if (text === undefined) return undefined;
  const token = parseJoinToken(text.trim());
  if (token !== undefined) return token;
  throw new UserFault(
    "--token: this is not a whole join token: a join token is a single word that starts with cxj_. Copy all of it.",
  );
}

/** The identity in the folder; undefined when there is none, or an expired one and a token for another. */
async function readKept(folder: IdentityFolder, hasToken: boolean): Promise<KeptIdentity | undefined> {
  try {
    return await folder.read(systemClock.wallTime());
  } catch (error) {
    if (!(error instanceof CredentialsFault)) throw error;
    if (error.hasExpired && hasToken) return undefined;
    const cure = error.hasExpired
      ? "Set the clock right if it is wrong; otherwise ask the operator for a new token and run `cxmpute join --token`."
      : `To start again, remove ${folder.path} and join with a new token.`;
    throw new UserFault(`${error.message}. ${cure}`, { cause: error });
  }
}

function demandSameName(kept: KeptIdentity, nodeId: string | undefined, folder: IdentityFolder): void {
  if (nodeId !== undefined && nodeId !== kept.nodeId)
    throw new UserFault(
      `--node-id: this machine is node ${kept.nodeId} in this mesh, by its identity in ${folder.path}. Leave --node-id out, or join a second time with another --data FOLDER and a token of its own.`,
    );
}

function demandSameMesh(kept: KeptIdentity, token: JoinToken, folder: IdentityFolder): void {
  if (fingerprintOf(kept.authority) !== token.authorityFingerprint)
    throw new UserFault(
      `--token: this token is for another mesh than the one to which the identity in ${folder.path} belongs. To be in both, join with another --data FOLDER; to leave the former, remove that folder. The token is still unused.`,
    );
}
