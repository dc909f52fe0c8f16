import { hash } from "node:crypto";
import { missingKey, wrongKey, wrongUser } from "../errors/http-faults.ts";
import type { Authenticate, Principal } from "./principal.ts";

/** A key of the configuration: in clear or as the SHA-256 of it in hex, and the account that it speaks for. */
export type ApiKey = { readonly userId: string } & ({ readonly key: string } | { readonly sha256: string });

/** The account of everybody where no keys are configured. */
export const anonymous = "anonymous";

/**
 * Checks bearer keys against the configured ones, without waiting for anything. Only their SHA-256 is kept, and a key
 * is looked up by its own, so that the time this takes tells nothing about the keys there are. Without keys every
 * caller is let in, under the name that it gives.
 */
export function createAuthenticate(keys: readonly ApiKey[]): Authenticate {
  if (keys.length === 0)
    return async ({ userId }) => toPrincipal(userId?.slice(0, longestUserId) || anonymous, "");
  const principals = new Map(
    keys.map((entry) => {
      const digest = "key" in entry ? sha256(entry.key) : entry.sha256.toLowerCase();
      return [digest, toPrincipal(entry.userId, toKeyId(digest))];
    }),
  );
  return async ({ authorization, userId }) => {
    const key = bearer.exec(authorization ?? "")?.[1];
    if (key === undefined) throw missingKey();
    const principal = principals.get(sha256(key));
    if (principal === undefined) throw wrongKey(key);
    if (userId !== undefined && userId !== principal.userId) throw wrongUser();
    return principal;
  };
}

const toPrincipal = (userId: string, keyId: string): Principal => ({
  userId,
  keyId,
  projectId: "",
  limits: {},
});

/** Stays the same for a key, and shows neither the key nor the hash by which it may be configured. */
const toKeyId = (digest: string): string => `key_${sha256(`cxmpute key id ${digest}`).slice(0, 16)}`;

/** In characters; of a name that nobody has checked. */
const longestUserId = 128;

const bearer = /^bearer +(\S+) *$/i;

const sha256 = (text: string): string => hash("sha256", text, "hex");
