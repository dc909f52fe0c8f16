import * as http from "node:http";
import * as https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { imageMimeTypes } from "./formats.ts";

/**
 * Asks `url` with GET, at one of these addresses only: the name is not looked up again. The host header,
 * the name in the TLS handshake and the name that the certificate must have are the URL's. Nothing of this process
 * goes along: no cookies, no credentials, no proxy of the environment. Rejects when no answer begins.
 */
export function requestPinned(
  url: URL,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  const host = bareHost(url);
  const options: https.RequestOptions = {
    host,
    port: url.port,
    path: `${url.pathname}${url.search}`,
    headers: {
      accept: imageMimeTypes.join(", "),
      "accept-encoding": "identity",
      "user-agent": "cxmpute-mesh",
    },
    lookup: pinTo(addresses),
    // A connection of its own, by an agent that knows of no proxy.
    agent: false,
    // Whatever the environment says about it.
    rejectUnauthorized: true,
    servername: isIP(host) === 0 ? host : "",
    maxHeaderSize: 16 * 1024,
    signal,
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? https.request(options) : http.request(options);
    request.once("response", resolve);
    request.on("error", reject);
    // Also where no error says so, as when the server switches to another protocol.
    request.once("close", () => reject(new Error("The connection ended.")));
    request.end();
  });
}

/** The host as addresses are written elsewhere: IPv6 without its brackets. */
export const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1");

/** Answers with what is known already; not asked for a host that is an address itself. */
const pinTo =
  (addresses: readonly string[]): LookupFunction =>
  (_host, { all }, callback) => {
    const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
    if (all) callback(null, pinned);
    else callback(null, pinned[0]!.address, pinned[0]!.family);
  };
