import * as http from "node:http";
import * as https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { imageMimeTypes } from "./formats.ts";

/**
 * Sends GET to `url` at one of these addresses, without resolving the name again. The host header, the TLS server
 * name and the certificate's name are the URL's. Sends no cookies or credentials and uses no proxy. Rejects when no
 * response arrives.
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
    // A connection of its own, without the environment's proxy.
    agent: false,
    // Regardless of the environment.
    rejectUnauthorized: true,
    servername: isIP(host) === 0 ? host : "",
    maxHeaderSize: 16 * 1024,
    signal,
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? https.request(options) : http.request(options);
    request.once("response", resolve);
    request.on("error", reject);
    // Covers ends without an error, such as a protocol switch.
    request.once("close", () => reject(new Error("The connection ended.")));
    request.end();
  });
}

/** The host without the brackets of IPv6. */
export const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1");

/** Resolves to the known addresses; not called for IP addresses. */
const pinTo =
  (addresses: readonly string[]): LookupFunction =>
  (_host, { all }, callback) => {
    const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
    if (all) callback(null, pinned);
    else callback(null, pinned[0]!.address, pinned[0]!.family);
  };
