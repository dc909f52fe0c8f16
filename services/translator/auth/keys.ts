import { hash } from "node:crypto";
import { missingKey, wrongKey, wrongUser } from "../errors/http-faults.ts";

/** A key of the configuration: in clear or as the SHA-256 of it in hex, and the account that it speaks for. */
export type ApiKey = { readonly userId: string } & ({ readonly key: string } | { readonly sha256: string });

/** What a request says about who sends it. */
export interface Credentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The `X-User-Id` header. */
  readonly userId: string | undefined;
}

/** Says who sends a request: the account's id. Throws when the key is missing or wrong, or not this user's. */
export type Authenticate = (credentials: Credentials) => string;

/** The account of everybody where no keys are configured. */
export const anonymous = "anonymous";

/**
 * Checks bearer keys. Only their SHA-256 is kept, and a key is looked up by its own, so that the time this takes
 * tells nothing about the keys there are. Without keys every caller is let in, under the name that it gives.
 */
export function createAuthenticate(keys: readonly ApiKey[]): Authenticate {
  if (keys.length === 0) return ({ userId }) => userId?.slice(0, longestUserId) || anonymous;
  const users = new Map(
    keys.map((entry) => ["key" in entry ? sha256(entry.key) : entry.sha256.toLowerCase(), entry.userId]),
  );
  return ({ authorization, userId }) => {
    const key = bearer.exec(authorization ?? "")?.[1];
    if (key === undefined) throw missingKey();
    const owner = users.get(sha256(key));
    if (owner === undefined) throw wrongKey(key);
    if (userId !== undefined && userId !== owner) throw wrongUser();
    return owner;
  };
}

/** In characters; of a name that nobody has checked. */
const longestUserId = 128;

const bearer = /^bearer +(\S+) *$/i;

const sha256 = (text: string): string => hash("sha256", text, "hex");
