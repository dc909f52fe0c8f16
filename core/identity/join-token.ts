import { parseHostPort } from "../config/host-port.ts";

/** What a machine needs to join a mesh: addresses, the pinned authority, and a secret. */
export interface JoinToken {
  readonly registry: string;
  readonly routers: readonly string[];
  /** SHA-256 of the authority of the registry's certificate, in hexadecimal. */
  readonly authorityFingerprint: string;
  readonly secret: string;
}

/** The token as one word, for a command line. */
export function formatJoinToken({ registry, routers, authorityFingerprint, secret }: JoinToken): string {
  const pin = Buffer.from(authorityFingerprint, "hex").toString("base64url");
  const text = JSON.stringify([version, registry, routers, pin, secret]);
  return `${prefix}${Buffer.from(text).toString("base64url")}`;
}

/** Parses a token; undefined when it is not valid or incomplete. */
export function parseJoinToken(text: string): JoinToken | undefined {
  if (!text.startsWith(prefix)) return undefined;
  try {
    const [form, registry, routers, pin, secret] = JSON.parse(
      Buffer.from(text.slice(prefix.length), "base64url").toString(),
    ) as unknown[];
    if (form !== version || !isAddress(registry) || !isText(pin) || !isText(secret)) return undefined;
    if (!Array.isArray(routers) || !routers.every(isAddress)) return undefined;
    const authorityFingerprint = Buffer.from(pin, "base64url").toString("hex");
    return authorityFingerprint.length === 64
      ? { registry, routers, authorityFingerprint, secret }
      : undefined;
  } catch {
    return undefined;
  }
}

const prefix = "cxj_";
const version = 1;

const isAddress = (value: unknown): value is string =>
  typeof value === "string" && parseHostPort(value) !== undefined;

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
