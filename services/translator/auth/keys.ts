import { hash } from "node:crypto";
import { missingKey, wrongKey, wrongUser } from "../errors/http-faults.ts";
import type { Authenticate, Principal } from "./require-key.ts";

/** A configured key, in plain text or as its SHA-256 in hex, and the account that it belongs to. */
export type ApiKey = { readonly userId: string } & ({ readonly key: string } | { readonly sha256: string });

/** The account of every caller when no keys are configured. */
export const anonymous = "anonymous";

/**
 * Checks bearer keys against the configured ones, synchronously. Keys are stored and looked up by their SHA-256, so
 * timing reveals nothing about them. Without keys every caller is accepted, under the user id it claims.
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

/** Stable for a key; reveals neither the key nor the hash it may be configured by. */
const toKeyId = (digest: string): string => `key_${sha256(`cxmpute key id ${digest}`).slice(0, 16)}`;

/** In characters, of an unverified user id. */
const longestUserId = 128;

const bearer = /^bearer +(\S+) *$/i;

const sha256 = (text: string): string => hash("sha256", text, "hex");
