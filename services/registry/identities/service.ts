import { createHash, randomBytes } from "node:crypto";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { type Access, restrict } from "../../../core/identity/access.ts";
import { certify, type KeyedCertificate } from "../../../core/identity/authority.ts";
import { authorityOf, certificatesIn, fingerprintOf } from "../../../core/identity/certificate.ts";
import type { LiveCredentials } from "../../../core/identity/credentials.ts";
import { nodeIdPattern } from "../../../core/identity/identity.ts";
import { isProof, readPublicKey } from "../../../core/identity/key-pair.ts";
import { callingNode, peerKey } from "../../../core/identity/peer.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { IdentityService } from "../../../gen/cxmpute/registry/v1/identity_pb.ts";
import { revokedFault } from "../revocations.ts";
import { toRefusal } from "./refusals.ts";
import type { IdentityStore } from "./store.ts";

/** How to issue identities. */
export interface IdentityOptions {
  readonly store: IdentityStore;
  /** Signs nodes' certificates; without it nodes bring their own. */
  readonly authority?: KeyedCertificate;
  readonly credentials: LiveCredentials;
  /** How long a certificate of a node is valid, in milliseconds. */
  readonly termMs: number;
}

/** The longest and the default life of a join token, in milliseconds. */
const longestTokenTtlMs = 10 * 60_000;
const shortestTokenTtlMs = 1000;
/** The most nodes that one token admits. */
const mostUses = 1000;
/** Certificates are valid from a little before now, because clocks of nodes differ. */
const clockToleranceMs = 5 * 60_000;

/** Serves IdentityService. Without `identities`, in a mesh in plain text, every call fails with what is missing. */
export function createIdentityService(
  identities: IdentityOptions | undefined,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ServiceImpl<typeof IdentityService> {
  const required = (): IdentityOptions => {
    if (identities !== undefined) return identities;
    throw new MeshError(
      "invalid_request",
      "This registry runs without TLS, so nodes have no identities: they join without a token, and none can be removed. To change that, make certificates with `cxmpute tls init` and start every service with its certificate.",
      { code: "no_tls" },
    );
  };

  const issuing = (): Required<IdentityOptions> => {
    const { authority, ...others } = required();
    if (authority !== undefined) return { authority, ...others };
    throw new MeshError(
      "invalid_request",
      "This registry issues no identities: start it with --node-ca-cert and --node-ca-key, which `cxmpute tls init` creates, or give nodes certificates of your own.",
      { code: "no_node_authority" },
    );
  };

  const issue = async (nodeId: string, publicKey: Uint8Array, until: number) => {
    const { authority, credentials, termMs } = issuing();
    const term = { from: clock.wallTime() - Math.min(clockToleranceMs, termMs / 10), until };
    const certificate = await certify(authority, { identity: { role: "node", id: nodeId }, publicKey, term });
    return { certificate, authorities: credentials.current.authorities };
  };

  const implementation: ServiceImpl<typeof IdentityService> = {
    async createJoinToken(request) {
      const { store, credentials } = issuing();
      const { uses, ttlMs } = checkTokenRequest(request);
      const secret = randomBytes(32).toString("base64url");
      const expiresAt = clock.wallTime() + ttlMs;
      await store.addToken({ hash: sha256(secret), uses, expiresAt });
      log.info({ uses, expires_at: new Date(expiresAt).toISOString() }, "join token created");
      return { secret, expiresAtMs: BigInt(expiresAt), authorityFingerprint: fingerprintFor(credentials) };
    },

    async join({ secret, nodeId, publicKey, proof }) {
      const { store, termMs } = issuing();
      if (!nodeIdPattern.test(nodeId))
        throw new MeshError(
          "invalid_request",
          "Invalid node id at 'node_id': use 1 to 128 letters, digits and . _ : @ / -, a letter or digit first.",
          { param: "node_id" },
        );
      const key = readPublicKey(publicKey);
      if (key === undefined || !isProof(key, proof, secret, nodeId))
        throw new MeshError("invalid_request", "The proof does not belong to the key, token and name.", {
          param: "proof",
        });
      const now = clock.wallTime();
      const until = now + termMs;
      const admission = { tokenHash: sha256(secret), nodeId, keyHash: sha256(publicKey), now, until };
      const refusal = toRefusal(await store.admit(admission), nodeId, now);
      if (refusal !== undefined) {
        log.warn({ node_id: nodeId, reason: refusal.code }, "node rejected");
        throw refusal;
      }
      log.info({ node_id: nodeId, until: new Date(until).toISOString() }, "node admitted");
      return issue(nodeId, publicKey, until);
    },

    async renewIdentity(_request, context) {
      const { store, termMs } = issuing();
      const { nodeId, publicKey } = callerOf(context);
      const now = clock.wallTime();
      const until = now + termMs;
      if (!(await store.renew({ nodeId, keyHash: sha256(publicKey), now, until })))
        throw revokedFault(nodeId);
      log.info({ node_id: nodeId, until: new Date(until).toISOString() }, "identity renewed");
      return issue(nodeId, publicKey, until);
    },

    async revokeNode({ nodeId }) {
      const { store } = required();
      if (!nodeIdPattern.test(nodeId))
        throw new MeshError("invalid_request", "Invalid node id at 'node_id': name a node.", {
          param: "node_id",
        });
      await store.revoke(nodeId);
      log.info({ node_id: nodeId }, "node revoked");
      return {};
    },
  };
  return restrict(IdentityService, implementation, access);
}

const access: Access<typeof IdentityService> = {
  createJoinToken: ["admin"],
  join: "anybody",
  renewIdentity: ["node"],
  revokeNode: ["admin"],
};

/** A request with its defaults; throws `invalid_request` when it is out of bounds. */
function checkTokenRequest({ uses, ttlMs }: { readonly uses: number; readonly ttlMs: number }): {
  readonly uses: number;
  readonly ttlMs: number;
} {
  if (uses > mostUses)
    throw new MeshError("invalid_request", `A join token admits at most ${mostUses} nodes, not ${uses}.`, {
      param: "uses",
    });
  if (ttlMs !== 0 && (ttlMs < shortestTokenTtlMs || ttlMs > longestTokenTtlMs))
    throw new MeshError(
      "invalid_request",
      `A join token lives for ${shortestTokenTtlMs / 1000} s to ${longestTokenTtlMs / 60_000} min, not for ${ttlMs / 1000} s: make it when it is needed.`,
      { param: "ttl_ms" },
    );
  return { uses: uses === 0 ? 1 : uses, ttlMs: ttlMs === 0 ? longestTokenTtlMs : ttlMs };
}

function callerOf(context: HandlerContext): { nodeId: string; publicKey: Uint8Array } {
  const nodeId = callingNode(context);
  const peer = context.values.get(peerKey);
  if (nodeId === undefined || peer.kind !== "identified")
    throw new MeshError("unauthenticated", "Only a node with an identity can renew it.");
  return { nodeId, publicKey: peer.publicKey };
}

function fingerprintFor(credentials: LiveCredentials): string {
  const { certificate, authorities } = credentials.current;
  const [own, ...between] = certificatesIn(certificate);
  const authority = authorityOf(own, certificatesIn(authorities), between);
  if (authority === undefined) throw new Error("The registry's certificate has left its authority.");
  return fingerprintOf(authority);
}

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
