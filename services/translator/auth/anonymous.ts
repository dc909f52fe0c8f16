import { createHmac, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { isLoopback, parseHostPort } from "../../../core/config/host-port.ts";
import { foreignPage } from "../errors/http-faults.ts";
import type { Credentials, Principal } from "./require-key.ts";

/** The user of callers that name none, when no keys are configured. */
export const anonymous = "anonymous";

/** In characters, of an unverified user id. */
const longestUserId = 128;

/**
 * The sender of a request when no keys are configured: under the user id that it claims, but with the turns in queues
 * that all senders of its address share. Throws for web pages of other sites, which every browser here could open.
 */
export function toAnonymous({ userId, address, origin, host }: Credentials): Principal {
  const foreign = origin !== undefined && !isOwnOrigin(origin) ? origin : host;
  if (foreign !== undefined && (foreign === origin || !isOwnHost(foreign))) throw foreignPage(foreign);
  return {
    userId: userId?.slice(0, longestUserId) || anonymous,
    fairnessId: toFairnessId(address ?? ""),
    keyId: "",
    projectId: "",
    limits: {},
  };
}

/** Whether a page comes from this machine, such as from `http://localhost:3000`. */
function isOwnOrigin(origin: string): boolean {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  return url !== undefined && isLocalName(url.hostname);
}

/**
 * Whether no page of a public site can have sent this `Host`: sites can let their names resolve to an address here (DNS
 * rebinding), but browsers then still send the site's name.
 */
function isOwnHost(host: string): boolean {
  const name = parseHostPort(host)?.host ?? host.replace(/^\[(.*)\]$/, "$1");
  return isIP(name) !== 0 || isLocalName(name) || !name.includes(".") || /\.(local|internal)$/i.test(name);
}

const isLocalName = (name: string): boolean =>
  isLoopback(`${name.toLowerCase()}:0`) || /\.localhost$/i.test(name);

/** Node processes see it, so it must not be the address; it differs between translators and their restarts. */
const toFairnessId = (address: string): string =>
  `from_${createHmac("sha256", secret).update(networkOf(address)).digest("hex").slice(0, 16)}`;

const secret = randomBytes(16);

/** What one machine surely has: an IPv4 address, a /64 of IPv6, or all of loopback. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (plain === "::1" || plain.startsWith("127.")) return "this machine";
  if (isIP(plain) !== 6) return plain;
  const [left = "", right] = plain
    .replace(/%.*$/, "")
    .split("::")
    .map((half) => half.split(":").filter(Boolean));
  const zeros = right === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill("0"), ...(right ?? [])].slice(0, 4).join(":");
}
