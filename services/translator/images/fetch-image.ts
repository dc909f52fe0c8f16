import { Resolver } from "node:dns/promises";
import * as http from "node:http";
import * as https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import type { Image } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { AddressPolicy } from "./global-address.ts";
import { ImageProblem, imageMimeTypes, mimeTypeOf, parseAddress } from "./parse-image.ts";

/** How hosts are resolved, and which addresses may be connected to. */
export interface Network {
  readonly resolveName: ResolveName;
  readonly isAllowed: AddressPolicy;
}

const maxRedirects = 3;
const imageBytesLimit = 10_000_000;

/**
 * Fetches one image; its format is that of its bytes. Every host on the way is resolved once, rejected when any of its
 * addresses is not allowed, and connected to at these addresses only. `countBytes` is called with the size of each
 * chunk, and throws when the total is too large. Throws an `ImageProblem`.
 *
 * Hosts that are not allowed, do not resolve or do not answer get the same message: otherwise callers could map the
 * operator's network. All other messages come from servers on the public internet.
 */
export async function fetchImage(
  from: URL,
  { resolveName, isAllowed }: Network,
  countBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Pick<Image, "data" | "mimeType">> {
  let url = from;
  for (let redirects = 0; ; redirects++) {
    const response = await ask(url);
    const { statusCode: status = 0, headers } = response;
    if (isRedirect(status) && headers.location !== undefined) {
      response.destroy();
      if (redirects === maxRedirects)
        throw new ImageProblem(`the address redirects more than ${maxRedirects} times. ${useFinal}`);
      url = parseAddress(headers.location, url);
      continue;
    }
    try {
      checkHead(response);
      return await readImage(response);
    } finally {
      response.destroy();
    }
  }

  async function ask(target: URL): Promise<http.IncomingMessage> {
    try {
      const host = bareHost(target);
      const addresses = isIP(host) === 0 ? await orAborted(resolveName(host, signal), signal) : [host];
      if (addresses.length === 0 || !addresses.every(isAllowed)) throw unreachable();
      return await requestPinned(target, addresses, signal);
    } catch {
      signal.throwIfAborted();
      throw unreachable();
    }
  }

  async function readImage(response: http.IncomingMessage): Promise<Pick<Image, "data" | "mimeType">> {
    const data = await readBody(response, countBytes).catch((thrown: unknown) => {
      signal.throwIfAborted();
      throw thrown instanceof ImageProblem ? thrown : new ImageProblem(`the image broke off. ${sendItself}`);
    });
    const mimeType = mimeTypeOf(data);
    if (mimeType !== contentTypeOf(response))
      throw new ImageProblem(`the image is not in the format that its content type says. ${sendItself}`);
    return { data, mimeType };
  }
}

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

/** Throws unless the response is an image, before its body is read. */
function checkHead(response: http.IncomingMessage): void {
  const { statusCode, headers } = response;
  if (statusCode !== 200)
    throw new ImageProblem(
      `its server answered with status ${statusCode} instead of an image. ${sendItself}`,
    );
  if (!imageMimeTypes.includes(contentTypeOf(response)))
    throw new ImageProblem(
      "its server does not send it as an image: expected the content type image/png, image/jpeg, image/webp or image/gif.",
    );
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    throw new ImageProblem(`its server sends it with a content encoding. ${sendItself}`);
  if (Number(headers["content-length"] ?? 0) > imageBytesLimit) throw tooLarge();
}

async function readBody(
  response: http.IncomingMessage,
  countBytes: (bytes: number) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > imageBytesLimit) throw tooLarge();
    countBytes(chunk.length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

const contentTypeOf = ({ headers }: http.IncomingMessage): string =>
  (headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase();

const sendItself = "Send the image itself, in base64.";
const useFinal = "Send the final URL of the image.";

const unreachable = () =>
  new ImageProblem(
    "the image could not be fetched. Check that the URL can be opened from the public internet, or send the image itself, in base64.",
  );

const tooLarge = () =>
  new ImageProblem(`the image is larger than ${imageBytesLimit / 1_000_000} MB. Send a smaller one.`);

/** Resolves a host name, IPv4 addresses first; empty when it does not resolve. */
type ResolveName = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * Asks DNS servers only: `/etc/hosts` and names of the local network are not for callers. Not `dns.lookup`, which
 * cannot be cancelled and blocks one of the four threads that read files.
 */
export const resolveName: ResolveName = async (name, signal) => {
  signal.throwIfAborted();
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  const cancel = () => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  } finally {
    signal.removeEventListener("abort", cancel);
  }
};

/**
 * Sends GET to `url` at one of these addresses, without resolving the name again. The host header, the TLS server
 * name and the certificate's name are the URL's. Sends no cookies or credentials and uses no proxy. Rejects when no
 * response arrives.
 */
function requestPinned(
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
const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1");

/** Resolves to the known addresses; not called for IP addresses. */
const pinTo =
  (addresses: readonly string[]): LookupFunction =>
  (_host, { all }, callback) => {
    const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
    if (all) callback(null, pinned);
    else callback(null, pinned[0]!.address, pinned[0]!.family);
  };
