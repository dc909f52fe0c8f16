/**
 * Who a process of the mesh is. Certificates carry it as their only SAN of type URI:
 * `spiffe://cxmpute-mesh/service/router`, `spiffe://cxmpute-mesh/node/gpu-1`, `spiffe://cxmpute-mesh/admin`.
 */
export type Identity = { readonly role: Exclude<Role, "node"> } | NodeIdentity;

/** A node, by the id under which it registers. */
export interface NodeIdentity {
  readonly role: "node";
  readonly id: string;
}

/** `client` is an internal service that calls routers over gRPC. */
export type Role = (typeof serviceRoles)[number] | "admin" | "client" | "node";

/** The mesh's own services. */
export const serviceRoles = ["registry", "router", "translator"] as const;

/** Valid node ids. */
export const nodeIdPattern = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/;

/** The URI of an identity. */
export function formatIdentity(identity: Identity): string {
  if (identity.role === "node") return `${nodePrefix}${encodeURIComponent(identity.id)}`;
  const isService = serviceRoles.some((role) => role === identity.role);
  return `${trustDomain}/${isService ? "service/" : ""}${identity.role}`;
}

/** The identity of a URI; undefined for any but its one spelling. */
export function parseIdentity(uri: string): Identity | undefined {
  const fixed = fixedIdentities.get(uri);
  if (fixed !== undefined || !uri.startsWith(nodePrefix)) return fixed;
  const id = decode(uri.slice(nodePrefix.length));
  if (id === undefined || !nodeIdPattern.test(id)) return undefined;
  const identity: Identity = { role: "node", id };
  return formatIdentity(identity) === uri ? identity : undefined;
}

/** Whether two identities are the same. */
export const isSameIdentity = (one: Identity, other: Identity): boolean =>
  formatIdentity(one) === formatIdentity(other);

/** An identity in a message: `node gpu-1`, `the router`, `an admin`. */
export function describeIdentity(identity: Identity): string {
  if (identity.role === "node") return `node ${identity.id}`;
  if (identity.role === "admin") return "an admin";
  return identity.role === "client" ? "a client" : `the ${identity.role}`;
}

const trustDomain = "spiffe://cxmpute-mesh";
const nodePrefix = `${trustDomain}/node/`;

const fixedIdentities = new Map<string, Identity>(
  ([...serviceRoles, "admin", "client"] as const).map((role) => [formatIdentity({ role }), { role }]),
);

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
