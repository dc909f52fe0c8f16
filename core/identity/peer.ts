import { type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { MeshError } from "../errors/mesh-error.ts";
import { describeIdentity, type Identity, type Role } from "./identity.ts";

/** The caller, as far as the connection proves it. */
export type Peer =
  /** Part of this process, or of a mesh without TLS, where callers cannot be distinguished. */
  | { readonly kind: "trusted" }
  /** Over TLS, without an accepted certificate. */
  | { readonly kind: "anonymous" }
  /** Over TLS, with the key of an accepted certificate. */
  | { readonly kind: "identified"; readonly identity: Identity; readonly publicKey: Uint8Array };

export const trustedPeer: Peer = { kind: "trusted" };
export const anonymousPeer: Peer = { kind: "anonymous" };

/** The caller in a handler's context; anonymous unless the transport sets it. */
export const peerKey: ContextKey<Peer> = createContextKey<Peer>(anonymousPeer);

/** The IP address of the caller's connection; empty within a process. */
export const callerAddressKey: ContextKey<string> = createContextKey("");

export const callerAddress = (context: HandlerContext): string => context.values.get(callerAddressKey);

/** Throws `unauthenticated` unless the caller is trusted or has one of the roles. */
export function demandRole(peer: Peer, roles: readonly Role[], what: string): void {
  if (peer.kind === "trusted") return;
  if (peer.kind === "anonymous")
    throw refusal(
      `${what} needs a certificate of this mesh, and the caller has not shown a valid one: none at all, one that has expired, or one from another CA. A node gets one with \`cxmpute join --token\`; everything else is given --tls-cert, --tls-key and --tls-ca.`,
    );
  if (!roles.includes(peer.identity.role))
    throw refusal(`${what} is not for ${describeIdentity(peer.identity)}; it is for: ${roles.join(", ")}.`);
}

/** Whether the caller is part of this process or of a mesh without TLS. */
export const isTrusted = (context: HandlerContext): boolean => context.values.get(peerKey).kind === "trusted";

/** Whether the caller has shown a certificate of this role. */
export function hasRole(context: HandlerContext, role: Role): boolean {
  const peer = context.values.get(peerKey);
  return peer.kind === "identified" && peer.identity.role === role;
}

/** Throws `unauthenticated` when the caller is a node, but another one than `id`. */
export function demandSelf(context: HandlerContext, id: string, what: string): void {
  const peer = context.values.get(peerKey);
  if (peer.kind === "trusted") return;
  if (peer.kind === "identified" && peer.identity.role !== "node") return;
  if (peer.kind === "identified" && peer.identity.role === "node" && peer.identity.id === id) return;
  const who = peer.kind === "identified" ? describeIdentity(peer.identity) : "a caller without an identity";
  throw refusal(`${what} as node ${id} is not for ${who}: a node acts only under its own name.`);
}

/** The id of the calling node; undefined when the caller is no node, or unknown. */
export function callingNode(context: HandlerContext): string | undefined {
  const peer = context.values.get(peerKey);
  return peer.kind === "identified" && peer.identity.role === "node" ? peer.identity.id : undefined;
}

/** `code` of the error when an identity may not do something. */
export const refusedCode = "identity_refused";

const refusal = (message: string): MeshError =>
  new MeshError("unauthenticated", message, { code: refusedCode });
