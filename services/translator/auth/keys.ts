import { hash } from "node:crypto";
import { missingKey, wrongKey, wrongUser } from "../errors/http-faults.ts";
import { toAnonymous } from "./anonymous.ts";
import type { Authenticate, KeyRole, Principal } from "./require-key.ts";

/** A configured key, in plain text or as its SHA-256 in hex, and the user that it belongs to. */
export type ApiKey = {
  readonly userId: string;
  readonly projectId?: string;
  readonly role?: KeyRole;
} & ({ readonly key: string } | { readonly sha256: string });

/**
 * Checks bearer keys against the configured ones, synchronously. Keys are stored and looked up by their SHA-256, so
 * timing reveals nothing about them. Without keys, every caller that is no foreign web page is accepted.
 */
export function createAuthenticate(keys: readonly ApiKey[]): Authenticate {
  if (keys.length === 0) return async (credentials) => toAnonymous(credentials);
  const principals = new Map(
    keys.map((entry) => {
      const digest = "sha256" in entry ? entry.sha256.toLowerCase() : digestOf(entry.key);
      return [digest, toPrincipal(entry, keyIdOf(digest))];
    }),
  );
  return async ({ authorization, userId }) => {
    const key = bearer.exec(authorization ?? "")?.[1];
    if (key === undefined) throw missingKey();
    const principal = principals.get(digestOf(key));
    if (principal === undefined) throw wrongKey(key);
    if (userId !== undefined && userId !== principal.userId) throw wrongUser();
    return principal;
  };
}

const toPrincipal = ({ userId, projectId = "", role }: ApiKey, keyId: string): Principal => ({
  userId,
  keyId,
  projectId,
  ...(role === undefined ? {} : { role }),
  limits: {},
});

/** Stable for a key of this digest; reveals neither the key nor the hash it may be configured by. */
export const keyIdOf = (digest: string): string => `key_${digestOf(`cxmpute key id ${digest}`).slice(0, 16)}`;

/** The SHA-256 of a key, in hex. */
export const digestOf = (key: string): string => hash("sha256", key, "hex");

const bearer = /^bearer +(\S+) *$/i;
